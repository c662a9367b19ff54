import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findInvitation } from './invitation-store.ts'
import { InvitationWire, toInvitationWire } from './invitation-wire.ts'

export const getInvitation = endpoint({
  route: 'GET /api/orgs/:orgId/invitations/:invitationId',
  summary: 'Get an invitation',
  description: 'Requires a role that can invite.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: {
    orgId: { id: 'org', missing: 'org-not-found' },
    invitationId: { id: 'inv', missing: 'invitation-not-found' },
  },
  returns: { 200: InvitationWire },
  fails: [],
  async handle({ params, scope, now, platform, db }) {
    const invitation = foundOr(await findInvitation(db, scope, params.invitationId), 'invitation-not-found')
    return ok(toInvitationWire(invitation, { platform, now }))
  },
})
