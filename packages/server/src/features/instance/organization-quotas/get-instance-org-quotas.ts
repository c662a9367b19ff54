import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findSlug } from '../../accounts/organizations/index.ts'
import { OrgUsageWire, readUsage, toOrgUsageWire } from '../../accounts/quotas/index.ts'

export const getInstanceOrgQuotas = endpoint({
  route: 'GET /api/admin/orgs/:orgId/quotas',
  summary: 'Get the quotas of an organization of the instance',
  description: 'The limit of each quota, whether it is set for this organization alone, and how much of it is used.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: OrgUsageWire },
  fails: [],
  async handle({ params, db, platform }) {
    foundOr(await findSlug(db, { organizationId: params.orgId }), 'org-not-found')
    return ok(toOrgUsageWire(await readUsage(platform, db, params.orgId)))
  },
})
