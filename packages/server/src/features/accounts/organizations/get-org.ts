import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findOrganization } from './organization-store.ts'
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
  handle: async ({ scope, caller, db }) =>
    ok(toOrgWire(foundOr(await findOrganization(db, scope, caller.userId), 'org-not-found'))),
})
