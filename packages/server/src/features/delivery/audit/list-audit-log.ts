import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { cursorQuery, offsetOf, pageOf, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { filterQuery, parseFilters } from './audit-filters.ts'
import { loadEntries, scannedEntriesMax } from './audit-store.ts'
import { AuditEntryWire, toAuditEntryWire } from './audit-wire.ts'

export const listAuditLog = endpoint({
  route: 'GET /api/audit-log',
  summary: 'List the audit log',
  description:
    'Lists who did what, to what, from where and in which request, newest first. ' +
    'With several filters a page can hold fewer entries than `pageSize`, or none: ' +
    'continue with `after` until `nextCursor` is null. `page` and `total` reach only the newest 10,000 entries ' +
    'that match the first of these filters: `resourceId`, `actor`, `action`, `applicationId`.',
  caller: 'organization',
  permission: 'audit-log:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: { ...cursorQuery, ...filterQuery },
  returns: { 200: pageOf(AuditEntryWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const filters = parseFilters(query)
    const page = parsePage(query)
    const after = query.after === undefined ? undefined : parseCursor(query.after)
    if (after === undefined && offsetOf(page) >= scannedEntriesMax) {
      refuseInvalid([
        {
          pointer: 'query/page',
          message: `reaches beyond the first ${scannedEntriesMax} entries: continue with after`,
          code: 'maximum',
        },
      ])
    }
    const slice = await loadEntries(db, scope, { filters, page, after })
    const nextCursor = typeof slice.nextCursor === 'string' ? toWireId('aud', slice.nextCursor) : null
    return ok(toPageWire({ ...slice, nextCursor }, page, toAuditEntryWire))
  },
})

function parseCursor(after: string): string | undefined {
  const id = parseWireId('aud', after)
  if (id === undefined)
    refuseInvalid([{ pointer: 'query/after', message: 'is not a cursor of this list', code: 'cursor' }])
  return id
}
