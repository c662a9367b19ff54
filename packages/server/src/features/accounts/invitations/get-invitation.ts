import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { getInvitation as getInvitationRow } from './invitation-store.ts'
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
  handle: async ({ params, scope, now, platform, db }) =>
    ok(toInvitationWire(await getInvitationRow(db, scope, params.invitationId), { platform, now })),
})
