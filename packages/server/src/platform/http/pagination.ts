import { Type, type Static, type TSchema } from 'typebox'
import type { CursorFormat } from '../lists/cursor.ts'
import type { RequestedPage, Slice } from '../lists/load-page.ts'
import { refuseInvalid } from './validation.ts'

/** The query of every list; spread it into an endpoint's `query`. */
export const pageQuery = {
  page: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: 'The page to return, from 1.' }),
  ),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Items per page.' })),
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'The `pagination.nextCursor` of the previous page: returns the items after it, and ignores `page`. ' +
        'Every page costs the same, and nothing is counted.',
    }),
  ),
}

const Pagination = Type.Object(
  {
    page: Type.Integer({ description: 'The number of the page; 1 with `after`.' }),
    pageSize: Type.Integer(),
    total: Type.Optional(
      Type.Integer({
        description: 'The number of items on all pages, exact up to 10,000. Absent with `after`: nothing is counted.',
      }),
    ),
    totalPages: Type.Optional(Type.Integer({ description: 'The number of pages for this `total`. Absent with it.' })),
    totalIsEstimate: Type.Optional(
      Type.Literal(true, { description: 'Present if the list has more than 10,000 items and `total` is an estimate.' }),
    ),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description: 'Continues the list as `after`; null if no more items follow.',
    }),
  },
  { 'x-component': 'Pagination' },
)

/** The reply schema of a list. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({ data: Type.Array(item), pagination: Pagination })
}

/** The page that a validated query asks for. Throws validation-error for a cursor that this list never gave out. */
export function parsePage<Key>(
  query: { readonly page?: number; readonly pageSize?: number; readonly after?: string | number },
  cursor: CursorFormat<Key>,
): RequestedPage<Key> {
  const { page = 1, pageSize = 20 } = query
  if (query.after === undefined) return { page, pageSize, cursor, isNumbered: query.page !== undefined }
  const after = cursor.read(String(query.after))
  if (after === undefined) {
    refuseInvalid([{ pointer: 'query/after', message: 'must be the nextCursor of an earlier page', code: 'cursor' }])
  }
  return { page: 1, pageSize, after, cursor, isNumbered: false }
}

/** The wire form of a slice. */
export function toPageWire<T, W, Key>(
  { items, total, nextKey }: Slice<T, Key>,
  { page, pageSize, cursor }: RequestedPage<Key>,
  toWire: (item: T) => W,
) {
  const pagination: Static<typeof Pagination> = {
    page,
    pageSize,
    ...(total === undefined ? {} : { total: total.items, totalPages: Math.ceil(total.items / pageSize) }),
    ...(total?.isEstimate === true ? { totalIsEstimate: true } : {}),
    nextCursor: nextKey === null ? null : cursor.write(nextKey),
  }
  return { data: items.map(toWire), pagination }
}
