import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { InstanceOrgWire, orgParams, toInstanceOrgWire } from './administration-wire.ts'
import { findInstanceOrg } from './instance-org-store.ts'

export const getInstanceOrg = endpoint({
  route: 'GET /api/admin/orgs/:orgId',
  summary: 'Get an organization of the instance',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: orgParams,
  returns: { 200: InstanceOrgWire },
  fails: [],
  handle: async ({ params, db }) =>
    ok(toInstanceOrgWire(foundOr(await findInstanceOrg(db, params.orgId), 'org-not-found'))),
})
