import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findDeletionBlock, lockApplications, markDeleted } from '../applications/index.ts'
import { lockActor } from './lock-actor.ts'
import { lockOrganization, markOrganizationDeleted } from './organization-store.ts'

export const deleteOrg = endpoint({
  route: 'DELETE /api/orgs/:orgId',
  summary: 'Delete an organization',
  description:
    'Deletes the organization with everything in it, also its audit log: ' +
    '`GET /api/orgs/{orgId}/deletion` lists what. ' +
    'From the reply on the organization is not found anywhere, and nobody can take its slug. ' +
    'Its contents are then removed in the background, and the content of files is removed from disk within hours. ' +
    'Refused while a run has not ended.',
  caller: 'member',
  permission: 'org:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.deleted',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 204: Nothing },
  fails: ['org-in-use'],
  async handle({ scope, caller, change, platform }) {
    await change(
      async (tx) => {
        foundOr(await lockOrganization(tx, scope), 'org-not-found')
        await lockApplications(tx, scope)
        await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'org:delete' })
        const everyApplication = { organizationId: scope.organizationId, onlyApplicationId: null }
        const block = await findDeletionBlock(tx, platform.hooks, everyApplication)
        if (block !== undefined) throw problem('org-in-use', { detail: block.detail })
        await markDeleted(tx, everyApplication)
        await markOrganizationDeleted(tx, scope)
      },
      // The organization's audit log is deleted too.
      () => ({ resourceId: toWireId('org', scope.organizationId), scope: null }),
    )
    platform.wake.wake('keys', '*')
    platform.wake.wake('deletions', '')
    return noContent()
  },
})
