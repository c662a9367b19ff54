import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { lockActor } from '../organizations/index.ts'
import { pendingInvitationsMax, refuseSettled, refuseTooMany, statusAt } from './invitation.ts'
import { issueToken, mailLink } from './invitation-link.ts'
import { countPending, findInvitation, saveToken } from './invitation-store.ts'
import { InvitationWire, toInvitationWire } from './invitation-wire.ts'

export const resendInvitation = endpoint({
  route: 'POST /api/orgs/:orgId/invitations/:invitationId/resend',
  summary: 'Send an invitation again',
  description:
    'Sends a new link that is valid for another seven days. The earlier link stops working. ' +
    'An expired invitation can be sent again too.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'create',
  // A reply stored for replays would contain the link.
  idempotency: 'not-needed',
  audit: 'invitation.resent',
  params: {
    orgId: { id: 'org', missing: 'org-not-found' },
    invitationId: { id: 'inv', missing: 'invitation-not-found' },
  },
  returns: { 200: InvitationWire },
  fails: ['invitation-not-pending', 'too-many-invitations'],
  async handle({ params, scope, caller, now, change, platform }) {
    const id = params.invitationId
    const { token, stored } = issueToken(platform, id, now)
    const { after } = await change(
      async (tx) => {
        await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:invite' })
        const before = foundOr(await findInvitation(tx, scope, id), 'invitation-not-found')
        refuseSettled(before)
        if (statusAt(before, now) === 'expired')
          refuseTooMany(await countPending(tx, scope, { now, max: pendingInvitationsMax }))
        return { before, after: await saveToken(tx, scope, { id, token: stored }) }
      },
      (sent) => ({
        resourceId: toWireId('inv', id),
        changes: changesBetween({ expiresAt: sent.before.expiresAt }, { expiresAt: sent.after.expiresAt }),
      }),
    )
    await mailLink(platform, token)
    return ok(toInvitationWire(after, { platform, now }))
  },
})
