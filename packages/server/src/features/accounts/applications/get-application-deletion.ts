import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { reachOf } from './application.ts'
import { findApplication } from './application-store.ts'
import { ApplicationDeletionWire } from './application-wire.ts'
import { previewDeletion } from './deletion-store.ts'

export const getApplicationDeletion = endpoint({
  route: 'GET /api/applications/:applicationId/deletion',
  summary: 'See what deleting an application deletes',
  description:
    'Counts what would be deleted. The deletion is refused while `activeRuns` is not 0 or if `isDefault` is true.',
  caller: 'organization',
  permission: 'applications:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { applicationId: { id: 'app', missing: 'app-not-found' } },
  returns: { 200: ApplicationDeletionWire },
  fails: [],
  async handle({ params, scope, caller, db, platform }) {
    const application = await findApplication(db, reachOf(scope, caller), params.applicationId)
    const { id, isDefault } = foundOr(application, 'app-not-found')
    const reach = { organizationId: scope.organizationId, onlyApplicationId: id }
    const preview = await previewDeletion(db, platform.hooks, { reach })
    return ok({ ...preview, blockedBy: { ...preview.blockedBy, isDefault } })
  },
})
