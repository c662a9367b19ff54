import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { getOrganization } from './organization-store.ts'
import { OrgWire, toOrgWire } from './organization-wire.ts'

export const getOrg = endpoint({
  route: 'GET /api/orgs/:orgId',
  summary: 'Get an organization',
  caller: 'member',
  permission: 'org:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: OrgWire },
  fails: [],
  handle: async ({ scope, caller, db }) => ok(toOrgWire(await getOrganization(db, scope, caller.userId))),
})
