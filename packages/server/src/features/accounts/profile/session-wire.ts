import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import type { Session } from './session-store.ts'

/** A place where somebody is signed in. */
export const UserSessionWire = wire('UserSession', {
  id: WireId('ses'),
  current: Type.Boolean({ description: 'The one that made this request.' }),
  ip: Nullable(Type.String({ description: 'Where it was signed in from.' })),
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
