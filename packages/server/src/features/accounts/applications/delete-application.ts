import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { checkDeletable, reachOf } from './application.ts'
import { lockApplication, markDeleted } from './application-store.ts'
import { findDeletionBlock } from './deletion-store.ts'

export const deleteApplication = endpoint({
  route: 'DELETE /api/applications/:applicationId',
  summary: 'Delete an application',
  description:
    'Deletes the application with everything in it: `GET /api/applications/{applicationId}/deletion` lists what. ' +
    'From the reply on the application is not found anywhere. Its contents are then removed in the background, ' +
    'and the content of files is removed from disk within hours. ' +
    'Refused for the default application, and while a run has not ended.',
  caller: 'organization',
  permission: 'applications:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'application.deleted',
  params: { applicationId: { id: 'app', missing: 'app-not-found' } },
  returns: { 204: Nothing },
  fails: ['default-application', 'application-in-use'],
  async handle({ params, scope, caller, change, platform }) {
    const reach = reachOf(scope, caller)
    await change(
      async (tx) => {
        const application = foundOr(await lockApplication(tx, reach, params.applicationId), 'app-not-found')
        checkDeletable(application)
        const block = await findDeletionBlock(tx, platform.hooks, { ...reach, onlyApplicationId: application.id })
        if (block !== undefined) throw problem('application-in-use', { detail: block.detail })
        await markDeleted(tx, { ...reach, onlyApplicationId: application.id })
      },
      () => toWireId('app', params.applicationId),
    )
    platform.wake.wake('keys', '*')
    platform.wake.wake('deletions', '')
    return noContent()
  },
})
