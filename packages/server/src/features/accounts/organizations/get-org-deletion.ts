import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { countContent, countedMax, toContentWire } from '../applications/index.ts'
import { countPossessions } from './organization-store.ts'
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
  async handle({ scope, db }) {
    const content = await countContent(db, { organizationId: scope.organizationId, onlyApplicationId: null })
    const possessions = await countPossessions(db, scope)
    return ok({
      deletes: { ...possessions, ...toContentWire(content) },
      blockedBy: { activeRuns: content.activeRuns },
      countMax: countedMax,
    })
  },
})
