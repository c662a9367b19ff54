import { Type, type Static } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { newUuid, toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { hasMemberWithEmail, lockActor } from '../organizations/index.ts'
import { refuseOverQuota } from '../quotas/index.ts'
import { pendingInvitationsMax, refuseTooMany, type Invitation } from './invitation.ts'
import { issueToken, mailLink } from './invitation-link.ts'
import { cancelInvitationOf, countPending, insertInvitation, type NewInvitation } from './invitation-store.ts'
import { invitationFields, InvitationWire, toInvitationWire } from './invitation-wire.ts'

const Body = Type.Object(invitationFields)

export const createInvitation = endpoint({
  route: 'POST /api/orgs/:orgId/invitations',
  summary: 'Invite a person by e-mail',
  description:
    'The link in the mail is valid for seven days and works once. ' +
    'If no mail server is configured, the link is in the reply. ' +
    'A new invitation replaces an earlier one of the same address.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'create',
  // A reply stored for replays would contain the link. Inviting twice leaves one invitation anyway.
  idempotency: 'not-needed',
  audit: 'invitation.created',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  body: Body,
  returns: { 201: InvitationWire },
  fails: ['already-member', 'too-many-invitations', 'quota-exceeded'],
  async handle({ body, scope, caller, now, change, platform }) {
    const id = newUuid()
    const { token, stored } = issueToken(platform, id, now)
    const { invitation } = await change(
      async (tx) => {
        await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:invite' })
        const invited = await invite(tx, scope, {
          id,
          email: body.email.toLowerCase(),
          role: body.role,
          invitedBy: caller.userId,
          ...stored,
        })
        // Whoever replaces an invitation adds none, also when the organization has more than it may have.
        if (invited.replacedId === undefined) await refuseOverQuota(tx, platform, { scope, added: { members: 1 } })
        return invited
      },
      ({ replacedId }) => ({
        resourceId: toWireId('inv', id),
        changes: changesBetween({}, toAudited(body, replacedId)),
      }),
    )
    await mailLink(platform, token)
    const reply = toInvitationWire(invitation, { platform, now })
    return created(reply, `/api/orgs/${toWireId('org', scope.organizationId)}/invitations/${reply.id}`)
  },
})

async function invite(
  tx: Tx,
  scope: OrgScope,
  invitation: NewInvitation,
): Promise<{ invitation: Invitation; replacedId: string | undefined }> {
  const { email, sentAt } = invitation
  if (await hasMemberWithEmail(tx, scope, email))
    throw problem('already-member', { detail: `${email} is a member of the organization.` })
  const replacedId = await cancelInvitationOf(tx, scope, email)
  refuseTooMany(await countPending(tx, scope, { now: sentAt, max: pendingInvitationsMax }))
  return { invitation: await insertInvitation(tx, scope, invitation), replacedId }
}

function toAudited({ email, role }: Static<typeof Body>, replacedId: string | undefined) {
  return { email: email.toLowerCase(), role, replaces: toWireIdOrNull('inv', replacedId ?? null) }
}
