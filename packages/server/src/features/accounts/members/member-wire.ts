import { Type, type Static } from 'typebox'
import { OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { roles } from '../../../platform/access/permissions.ts'
import type { Member } from '../organizations/index.ts'

export const MemberWire = wire('Member', {
  userId: WireId('usr'),
  role: OneOf(roles),
  joinedAt: WireTime,
  displayName: Type.String(),
  email: Type.String(),
})

export function toMemberWire(member: Member): Static<typeof MemberWire> {
  return {
    userId: member.userId,
    role: member.role,
    joinedAt: toWireTime(member.joinedAt),
    displayName: member.displayName,
    email: member.email,
  }
}
