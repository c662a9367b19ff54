import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { OrgUsageWire, toOrgUsageWire } from './usage-wire.ts'
import { readUsage } from './usage.ts'

export const getOrgUsage = endpoint({
  route: 'GET /api/orgs/:orgId/usage',
  summary: 'Get the quotas of an organization',
  description:
    'The limit of each quota, and how much of it is used now. ' +
    'A creation beyond a quota is refused with 403, a start of a run beyond one with 429.',
  caller: 'member',
  permission: 'org:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: OrgUsageWire },
  fails: [],
  handle: async ({ scope, db, platform }) => ok(toOrgUsageWire(await readUsage(platform, db, scope.organizationId))),
})
