import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { Nullable, OneOf, toWireTime, wire, WireTime } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { hashToken, invitedRoles, refuseGone, tokenParam } from './invitation.ts'
import { findInvitationOfToken } from './invitation-store.ts'

const PublicInvitationWire = wire('PublicInvitation', {
  email: Type.String(),
  orgName: Type.String(),
  role: OneOf(invitedRoles),
  inviterName: Nullable(Type.String()),
  expiresAt: WireTime,
  isNewUser: Type.Boolean({
    description:
      'Whether accepting needs a password for a new account: true if no account has the invited address, or only one ' +
      'that somebody else may have created.',
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
    const invitation = foundOr(await findInvitationOfToken(db, hashToken(params.token)), 'invitation-not-found')
    refuseGone(invitation, now)
    const { email, orgName, role, inviterName, expiresAt } = invitation
    const isNewUser = invitation.accountId === null || invitation.accountProof !== 'proven'
    return ok({ email, orgName, role, inviterName, expiresAt: toWireTime(expiresAt), isNewUser })
  },
})
