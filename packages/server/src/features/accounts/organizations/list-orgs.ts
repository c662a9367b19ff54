import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { loadOrganizationsOf } from './organization-store.ts'
import { OrgWire, toOrgWire } from './organization-wire.ts'

export const listOrgs = endpoint({
  route: 'GET /api/orgs',
  summary: 'List your organizations',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(OrgWire) },
  fails: [],
  async handle({ query, caller, db }) {
    const page = parsePage(query, idCursor('org'))
    return ok(toPageWire(await loadOrganizationsOf(db, caller.userId, page), page, toOrgWire))
  },
})
