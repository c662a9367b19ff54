import { Type, type Static, type TSchema } from 'typebox'

/** The query of every list; spread it into an endpoint's `query`. */
export const pageQuery = {
  page: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: 'The page to return, from 1.' }),
  ),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Items per page.' })),
}

/** The query of a list that also pages by cursor, at the same cost on every page. */
export const cursorQuery = {
  ...pageQuery,
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The `pagination.nextCursor` of the previous page: returns the items after it, and ignores `page`.',
    }),
  ),
}

export interface Page {
  readonly page: number
  readonly pageSize: number
}

/** The result of a store for one page. */
export interface Slice<T> {
  readonly items: readonly T[]
  readonly total: number
  /** Where the next page starts, for lists with cursors; null on the last one. */
  readonly nextCursor?: string | null
}

/** A page with its cursor, from rows that were selected with a limit of one more than the page holds. */
export function cursorSlice<R, T>(
  rows: readonly R[],
  about: {
    readonly page: Page
    readonly total: number
    readonly toItem: (row: R) => T
    readonly cursorOf: (item: T) => string
  },
): Slice<T> {
  const { page, total, toItem, cursorOf } = about
  const items = rows.slice(0, page.pageSize).map((row) => toItem(row))
  const last = items.at(-1)
  return { items, total, nextCursor: rows.length > page.pageSize && last !== undefined ? cursorOf(last) : null }
}

const Pagination = Type.Object(
  {
    page: Type.Integer(),
    pageSize: Type.Integer(),
    total: Type.Integer(),
    totalPages: Type.Integer(),
    nextCursor: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  },
  { 'x-component': 'Pagination' },
)

/** The reply schema of a list. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({ data: Type.Array(item), pagination: Pagination })
}

/** The page that a validated query asks for. */
export function parsePage(query: { readonly page?: number; readonly pageSize?: number }): Page {
  return { page: query.page ?? 1, pageSize: query.pageSize ?? 20 }
}

/** The wire form of a slice. */
export function toPageWire<T, W>(slice: Slice<T>, page: Page, toWire: (item: T) => W) {
  const pagination: Static<typeof Pagination> = {
    page: page.page,
    pageSize: page.pageSize,
    total: slice.total,
    totalPages: Math.ceil(slice.total / page.pageSize),
    ...(slice.nextCursor === undefined ? {} : { nextCursor: slice.nextCursor }),
  }
  return { data: slice.items.map(toWire), pagination }
}

/** Rows to skip before the page. */
export function offsetOf(page: Page): number {
  return (page.page - 1) * page.pageSize
}
