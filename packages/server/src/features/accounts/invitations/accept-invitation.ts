import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { refuseForeignOrigin, toHeaders } from '../../../platform/http/admit.ts'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { OneOf, WireId, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { roles } from '../../../platform/access/permissions.ts'
import { findSessionUser, openSession } from '../sign-in/index.ts'
import { hashToken, tokenParam } from './invitation.ts'
import { joinByInvitation } from './join-by-invitation.ts'

const Body = Type.Object({
  password: Type.Optional(
    Type.String({
      minLength: 8,
      maxLength: 128,
      description: 'The password of your new account. Required if `isNewUser` of the invitation is true.',
    }),
  ),
  displayName: Type.Optional(
    NameText(200, { description: 'Your name in the new account. Defaults to the e-mail address.' }),
  ),
})

const Accepted = Type.Object({
  success: Type.Literal(true),
  isNewUser: Type.Boolean({ description: 'Whether an account was created for you, or given to you.' }),
  orgId: WireId('org'),
  role: OneOf(roles),
  signedIn: Type.Boolean({
    description: 'Whether you are signed in. If false, you must verify your new address before you can sign in.',
  }),
})

export const acceptInvitation = endpoint({
  route: 'POST /api/invitations/:token/accept',
  summary: 'Accept an invitation',
  description:
    'If you are signed in with the invited address, you join the organization. ' +
    'If you have no account, send a password: an account is created, and the reply sets its session cookie. ' +
    'So too if an account has the address that was not confirmed when the invitation was made: the token proves that ' +
    'the address is yours, so everything with which others could sign in to the account ends.',
  caller: 'anyone',
  permission: 'none',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'invitation.accepted',
  params: { token: tokenParam },
  body: Body,
  bodyKind: 'optional-json',
  bodyBytesMax: smallBodyBytes,
  returns: { 200: Accepted },
  fails: [
    'unauthorized',
    'origin-not-allowed',
    'email-mismatch',
    'invitation-not-found',
    'invitation-accepted',
    'invitation-cancelled',
    'invitation-expired',
    'weak-password',
    'sign-up-closed',
    'organization-suspended',
  ],
  async handle({ params, body: { password, displayName }, now, change, platform, request, reply }) {
    refuseForeignOrigin({ platform }, request)
    const session = await findSessionUser(platform, toHeaders(request))
    const guest = { sessionUserId: session?.userId, password, displayName }
    const { invitation, role, isNewUser, isReclaimed } = await change(
      (tx) => joinByInvitation(tx, hashToken(params.token), { guest, platform, now }),
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
    if (isReclaimed) platform.wake.wake('sessions', '*')
    const signedIn =
      (session !== undefined && !isReclaimed) ||
      (password !== undefined &&
        (await openSession({ request, reply, platform }, { email: invitation.email, password })))
    return ok({ success: true as const, isNewUser, orgId: toWireId('org', invitation.organizationId), role, signedIn })
  },
})
