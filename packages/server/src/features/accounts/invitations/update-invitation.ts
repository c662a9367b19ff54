import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { lockActor } from '../organizations/index.ts'
import { refuseSettled } from './invitation.ts'
import { findInvitation, saveInvitedRole } from './invitation-store.ts'
import { invitationFields, InvitationWire, toInvitationWire } from './invitation-wire.ts'

export const updateInvitation = endpoint({
  route: 'PATCH /api/orgs/:orgId/invitations/:invitationId',
  summary: 'Change the role that an invitation gives',
  description: 'The link does not change.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'invitation.updated',
  params: {
    orgId: { id: 'org', missing: 'org-not-found' },
    invitationId: { id: 'inv', missing: 'invitation-not-found' },
  },
  body: Type.Object({ role: invitationFields.role }),
  returns: { 200: InvitationWire },
  fails: ['invitation-not-pending'],
  async handle({ params, body, scope, caller, now, change, platform }) {
    const id = params.invitationId
    const { after } = await change(
      async (tx) => {
        await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:invite' })
        const before = foundOr(await findInvitation(tx, scope, id), 'invitation-not-found')
        refuseSettled(before)
        return { before, after: await saveInvitedRole(tx, scope, { id, role: body.role }) }
      },
      (changed) => ({
        resourceId: toWireId('inv', id),
        changes: changesBetween({ role: changed.before.role }, { role: changed.after.role }),
      }),
    )
    return ok(toInvitationWire(after, { platform, now }))
  },
})
