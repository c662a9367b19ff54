import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { invitationStatuses } from './invitation.ts'
import { loadInvitations } from './invitation-store.ts'
import { InvitationWire, toInvitationWire } from './invitation-wire.ts'

export const listInvitations = endpoint({
  route: 'GET /api/orgs/:orgId/invitations',
  summary: 'List the invitations of an organization',
  description: 'Lists the invitations, newest first. Requires a role that can invite.',
  caller: 'member',
  permission: 'members:invite',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  query: {
    ...pageQuery,
    status: Type.Optional(
      OneOf(invitationStatuses, {
        description: 'Returns only invitations with this status; all invitations if absent.',
      }),
    ),
  },
  returns: { 200: pageOf(InvitationWire) },
  fails: [],
  async handle({ query, scope, now, platform, db }) {
    const page = parsePage(query, idCursor('inv'))
    const invitations = await loadInvitations(db, scope, { page, status: query.status, now })
    return ok(toPageWire(invitations, page, (invitation) => toInvitationWire(invitation, { platform, now })))
  },
})
