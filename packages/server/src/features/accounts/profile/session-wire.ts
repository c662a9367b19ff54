import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import type { Session } from '../sign-in/index.ts'

/** A session of the user, on one device. */
export const UserSessionWire = wire('UserSession', {
  id: WireId('ses'),
  current: Type.Boolean({ description: 'Whether this session made the request.' }),
  ip: Nullable(Type.String({ description: 'The IP address of the sign-in.' })),
  userAgent: Nullable(Type.String()),
  createdAt: WireTime,
  updatedAt: WireTime,
  expiresAt: WireTime,
})

export function toUserSessionWire(session: Session, currentId: string | undefined): Static<typeof UserSessionWire> {
  return {
    id: session.id,
    current: session.id === currentId,
    ip: session.ip,
    userAgent: session.userAgent,
    createdAt: toWireTime(session.createdAt),
    updatedAt: toWireTime(session.updatedAt),
    expiresAt: toWireTime(session.expiresAt),
  }
}
