import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { refuseForeignOrigin, toHeaders } from '../../../platform/http/admit.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { OneOf, WireId } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { roles } from '../access/index.ts'
import { findSessionUser, openSession } from '../sign-in/index.ts'
import { hashToken } from './invitation.ts'
import { tokenParam } from './invitation-link.ts'
import { joinByInvitation } from './join-by-invitation.ts'

const Body = Type.Object({
  password: Type.Optional(
    Type.String({
      minLength: 8,
      maxLength: 128,
      description: 'For your new account; needed when nobody has one with the address.',
    }),
  ),
  displayName: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '\\S',
      description: 'Your name in the new account; the address when absent.',
    }),
  ),
})

const Accepted = Type.Object({
  success: Type.Literal(true),
  isNewUser: Type.Boolean({ description: 'True: your account was made.' }),
  orgId: WireId('org'),
  role: OneOf(roles),
  signedIn: Type.Boolean({
    description: 'You have a session. False: the server wants your new address verified before you sign in.',
  }),
})

export const acceptInvitation = endpoint({
  route: 'POST /api/invitations/:token/accept',
  summary: 'Accept an invitation',
  description:
    'Signed in with the invited address you join the organization. Without an account you make one: send a password, and the answer has the cookie of your session.',
  caller: 'anyone',
  permission: 'none',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'invitation.accepted',
  params: { token: tokenParam },
  body: Body,
  bodyKind: 'optional-json',
  returns: { 200: Accepted },
  fails: [
    'unauthorized',
    'origin-not-allowed',
    'email-mismatch',
    'invitation-not-found',
    'invitation-accepted',
    'invitation-cancelled',
    'invitation-expired',
  ],
  async handle({ params, body: { password, displayName }, now, change, platform, request, reply }) {
    refuseForeignOrigin({ platform }, request)
    const session = await findSessionUser(platform, toHeaders(request))
    const guest = { sessionUserId: session?.userId, password, displayName }
    const { invitation, role, isNewUser } = await change(
      (tx) => joinByInvitation(tx, hashToken(params.token), { guest, now }),
      (joined) => {
        const { id, organizationId, email, acceptedBy } = joined.invitation
        return {
          actor: { kind: 'user', userId: joined.userId, email },
          resourceId: toWireId('inv', id),
          changes: changesBetween({ acceptedBy }, { acceptedBy: joined.userId }),
          scope: { organizationId },
        }
      },
    )
    const signedIn =
      session !== undefined ||
      (password !== undefined &&
        (await openSession({ request, reply, platform }, { email: invitation.email, password })))
    return ok({ success: true as const, isNewUser, orgId: toWireId('org', invitation.organizationId), role, signedIn })
  },
})
