import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { previewDeletion } from '../applications/index.ts'
import { OrgDeletionWire } from './organization-wire.ts'

export const getOrgDeletion = endpoint({
  route: 'GET /api/orgs/:orgId/deletion',
  summary: 'See what deleting an organization deletes',
  description: 'Counts what would be deleted. The deletion is refused while `activeRuns` is not 0.',
  caller: 'member',
  permission: 'org:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: OrgDeletionWire },
  fails: [],
  async handle({ scope, db, platform }) {
    const everyApplication = { organizationId: scope.organizationId, onlyApplicationId: null }
    return ok(
      await previewDeletion(db, platform.hooks, { reach: everyApplication, organizationId: scope.organizationId }),
    )
  },
})
