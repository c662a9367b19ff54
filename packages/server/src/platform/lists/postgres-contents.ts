import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../db/database.ts'
import type { RequestedPage, Slice } from './load-page.ts'

/** The most bytes of contents that a page shows: a hundred items of a megabyte each would fill the server's memory. */
export const pageBytesMax = 4_194_304

/** A slice whose items may have contents that can be large. */
export interface FittedSlice<T, Key> extends Slice<T, Key> {
  /** How many items, from the first on, may show their contents. */
  readonly fitting: number
}

/** Which items of a page have contents that fit into `pageBytesMax`. */
export interface Contents<T, Key> {
  readonly keyOf: (item: T) => Key
  /** The column type of the keys, such as `uuid`. */
  readonly keyType: 'uuid' | 'bigint'
  /** Selects the size in bytes of the contents of the item with this key. */
  readonly sizeOf: (key: RawBuilder<unknown>) => RawBuilder<unknown>
}

/**
 * Finds the items whose contents can be shown, at least the first one. A page that continues a list ends after them.
 * A page by number keeps its items, because the next number starts after the last one.
 */
export async function fitContents<T, Key>(
  db: Db,
  slice: Slice<T, Key>,
  { page, contents }: { readonly page: RequestedPage<Key>; readonly contents: Contents<T, Key> },
): Promise<FittedSlice<T, Key>> {
  const fitting = await countFitting(db, slice.items.map(contents.keyOf), contents)
  const last = slice.items[fitting - 1]
  if (page.isNumbered || fitting === slice.items.length || last === undefined) return { ...slice, fitting }
  return { ...slice, items: slice.items.slice(0, fitting), nextKey: contents.keyOf(last), fitting }
}

// Adds up the sizes one item at a time, because to measure contents PostgreSQL has to read them.
async function countFitting<Key>(
  db: Db,
  keys: readonly Key[],
  { keyType, sizeOf }: Pick<Contents<never, Key>, 'keyType' | 'sizeOf'>,
): Promise<number> {
  if (keys.length <= 1) return keys.length
  const { rows } = await sql<{ items: number }>`
    with recursive keys as (select ${keys}::${sql.raw(keyType)}[] as list), fitting as (
      select 0 as items, 0::bigint as bytes
      union all
      select f.items + 1, f.bytes + coalesce((${sizeOf(sql`keys.list[f.items + 1]`)}), 0)
      from fitting f, keys where f.items < cardinality(keys.list) and f.bytes <= ${pageBytesMax}
    )
    select max(items) as items from fitting where bytes <= ${pageBytesMax}`.execute(db)
  return Math.max(1, rows[0]?.items ?? 0)
}
