import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { timeAndIdCursor } from '../../../platform/lists/cursor.ts'
import { loadMembers } from '../organizations/index.ts'
import { MemberWire, toMemberWire } from './member-wire.ts'

export const listMembers = endpoint({
  route: 'GET /api/orgs/:orgId/members',
  summary: 'List the members of an organization',
  caller: 'member',
  permission: 'members:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  query: pageQuery,
  returns: { 200: pageOf(MemberWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, timeAndIdCursor)
    return ok(toPageWire(await loadMembers(db, scope, page), page, toMemberWire))
  },
})
