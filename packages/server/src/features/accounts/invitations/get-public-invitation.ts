import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { Nullable, OneOf, toWireTime, wire, WireTime } from '../../../platform/http/wire.ts'
import { hashToken, invitedRoles, refuseGone } from './invitation.ts'
import { tokenParam } from './invitation-link.ts'
import { getInvitationOfToken } from './public-invitation-store.ts'

const PublicInvitationWire = wire('PublicInvitation', {
  email: Type.String(),
  orgName: Type.String(),
  role: OneOf(invitedRoles),
  inviterName: Nullable(Type.String()),
  expiresAt: WireTime,
  isNewUser: Type.Boolean({
    description: 'Whether accepting creates an account: true if no account has the invited address.',
  }),
})

export const getPublicInvitation = endpoint({
  route: 'GET /api/invitations/:token',
  summary: 'Get an invitation by its token',
  description: 'For the invited person, without credentials. The token is the last part of the link.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { token: tokenParam },
  returns: { 200: PublicInvitationWire },
  fails: ['invitation-not-found', 'invitation-accepted', 'invitation-cancelled', 'invitation-expired'],
  async handle({ params, now, db }) {
    const invitation = await getInvitationOfToken(db, hashToken(params.token))
    refuseGone(invitation, now)
    const { email, orgName, role, inviterName, expiresAt, accountId } = invitation
    return ok({ email, orgName, role, inviterName, expiresAt: toWireTime(expiresAt), isNewUser: accountId === null })
  },
})
