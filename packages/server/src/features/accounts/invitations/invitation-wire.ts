import { Type, type Static } from 'typebox'
import { OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { invitationStatuses, invitedRoles, statusAt, type Invitation } from './invitation.ts'
import { shownLinkOf } from './invitation-link.ts'

export const InvitationWire = wire('Invitation', {
  id: WireId('inv'),
  email: Type.String(),
  role: OneOf(invitedRoles),
  status: OneOf(invitationStatuses),
  expiresAt: WireTime,
  createdAt: WireTime,
  link: Type.Optional(
    Type.String({
      description:
        'The invitation link, for you to send. Present if no mail server is configured and the invitation is pending.',
    }),
  ),
})

/** The fields of an invitation that a request sets. */
export const invitationFields = {
  email: Type.String({ format: 'email', maxLength: 320, examples: ['ada@example.com'] }),
  role: OneOf(invitedRoles),
}

export function toInvitationWire(
  invitation: Invitation,
  { platform, now }: { readonly platform: Pick<Platform, 'config' | 'keyRing'>; readonly now: Date },
): Static<typeof InvitationWire> {
  const link = shownLinkOf(platform, invitation)
  return {
    id: toWireId('inv', invitation.id),
    email: invitation.email,
    role: invitation.role,
    status: statusAt(invitation, now),
    expiresAt: toWireTime(invitation.expiresAt),
    createdAt: toWireTime(invitation.createdAt),
    ...(link === undefined ? {} : { link }),
  }
}
