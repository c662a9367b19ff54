import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { lockActor } from '../organizations/index.ts'
import { refuseSettled } from './invitation.ts'
import { findInvitation, saveCancellation } from './invitation-store.ts'

export const cancelInvitation = endpoint({
  route: 'DELETE /api/orgs/:orgId/invitations/:invitationId',
  summary: 'Cancel an invitation',
  description: 'The link stops working immediately. The invitation stays in the list with the status `cancelled`.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'invitation.cancelled',
  params: {
    orgId: { id: 'org', missing: 'org-not-found' },
    invitationId: { id: 'inv', missing: 'invitation-not-found' },
  },
  returns: { 204: Nothing },
  fails: ['invitation-not-pending'],
  async handle({ params, scope, caller, change, platform }) {
    const id = params.invitationId
    await change(
      async (tx) => {
        await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:invite' })
        const before = foundOr(await findInvitation(tx, scope, id), 'invitation-not-found')
        refuseSettled(before)
        return { before, after: await saveCancellation(tx, scope, id) }
      },
      ({ before, after }) => ({
        resourceId: toWireId('inv', id),
        changes: changesBetween({ status: before.status }, { status: after.status }),
      }),
    )
    return noContent()
  },
})
