import type { CursorFormat } from './cursor.ts'

/** Totals are exact up to this many items. Counting further would cost more than the page. */
export const exactTotalMax = 10_000

/** A page of a list: by number, or after the item with a key. */
export interface Page<Key = string> {
  readonly page: number
  readonly pageSize: number
  readonly after?: Key | undefined
}

/** A page that a request asks for, with the form of the list's cursors. */
export interface RequestedPage<Key> extends Page<Key> {
  readonly cursor: CursorFormat<Key>
  /** Whether the request names the page, and will name the next one. */
  readonly isNumbered: boolean
}

/** How many items a list has. */
export interface Total {
  readonly items: number
  /** False up to `exactTotalMax` items. */
  readonly isEstimate: boolean
}

/** One page of a list. */
export interface Slice<T, Key = string> {
  readonly items: readonly T[]
  /** Undefined for a page after a key: it counts nothing. */
  readonly total: Total | undefined
  /** The key of the last item if more items follow, else null. */
  readonly nextKey: Key | null
}

/** Where a page starts in the order of its list. */
export type Start<Key> = { readonly after: Key } | { readonly offset: number }

/** A list in a fixed order, without two items of the same key. */
export interface ListSource<Item, Key> {
  /** The items from `start` on, at most `limit`. */
  items(start: Start<Key>, limit: number): Promise<readonly Item[]>
  keyOf(item: Item): Key
  /** Counts the items, and stops at `max`. */
  count(max: number): Promise<number>
  /** Roughly how many items there are, at the cost of a few rows. Used only above `exactTotalMax`. */
  estimate(): Promise<number>
}

/** Loads a page of a list. Every list is read here, so that none counts more rows than it must. */
export async function loadPage<Item, Key>(source: ListSource<Item, Key>, page: Page<Key>): Promise<Slice<Item, Key>> {
  const { pageSize, after } = page
  const offset = (page.page - 1) * pageSize
  // One item more than the page holds shows whether another page follows.
  const found = await source.items(after === undefined ? { offset } : { after }, pageSize + 1)
  const items = found.slice(0, pageSize)
  const last = items.at(-1)
  const total = after === undefined ? await totalOf(source, { offset, found: found.length, pageSize }) : undefined
  return { items, total, nextKey: found.length > pageSize && last !== undefined ? source.keyOf(last) : null }
}

/** A slice with its items changed. */
export function mapSlice<A, B, Key>(slice: Slice<A, Key>, change: (item: A) => B): Slice<B, Key> {
  return { ...slice, items: slice.items.map(change) }
}

async function totalOf<Item, Key>(
  source: ListSource<Item, Key>,
  { offset, found, pageSize }: { readonly offset: number; readonly found: number; readonly pageSize: number },
): Promise<Total> {
  // On the last page the total follows from the page itself.
  if (found <= pageSize && (found > 0 || offset === 0)) return { items: offset + found, isEstimate: false }
  // After the last page only a count shows where the list ends. It costs as much as skipping these items did.
  if (found === 0) return { items: await source.count(offset), isEstimate: false }
  const seen = offset + found
  const counted = seen > exactTotalMax ? seen : await source.count(exactTotalMax + 1)
  if (counted <= exactTotalMax) return { items: counted, isEstimate: false }
  return { items: Math.max(counted, Math.round(await source.estimate())), isEstimate: true }
}
