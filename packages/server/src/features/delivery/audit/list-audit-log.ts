import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { filterQuery, parseFilters } from './audit-filters.ts'
import { loadEntries, needsScan, scannedEntriesMax } from './audit-store.ts'
import { AuditEntryWire, toAuditEntryWire } from './audit-wire.ts'

export const listAuditLog = endpoint({
  route: 'GET /api/audit-log',
  summary: 'List the audit log',
  description:
    'Lists who did what, to what, from where and in which request, newest first. ' +
    'With several filters a page can hold fewer entries than `pageSize`, or none: ' +
    'continue with `after` until `nextCursor` is null. With several filters `page` and `total` reach only the newest ' +
    '10,000 entries that match the first of them in this order: `resourceId`, `actor`, `action`, `applicationId`.',
  caller: 'organization',
  permission: 'audit-log:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: { ...pageQuery, ...filterQuery },
  returns: { 200: pageOf(AuditEntryWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const filters = parseFilters(query)
    const page = parsePage(query, idCursor('aud'))
    if (needsScan(filters) && page.page * page.pageSize > scannedEntriesMax) {
      refuseInvalid([
        {
          pointer: 'query/page',
          message: `reaches beyond the first ${scannedEntriesMax} entries: continue with after`,
          code: 'maximum',
        },
      ])
    }
    return ok(toPageWire(await loadEntries(db, scope, { filters, page }), page, toAuditEntryWire))
  },
})
