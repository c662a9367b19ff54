import { Type, type Static } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { timeAndIdCursor } from '../../../platform/lists/cursor.ts'
import { loadSessions, type Session } from '../sign-in/index.ts'

/** A session of the user, on one device. */
const UserSessionWire = wire('UserSession', {
  id: WireId('ses'),
  current: Type.Boolean({ description: 'Whether this session made the request.' }),
  ip: Nullable(Type.String({ description: 'The IP address of the sign-in.' })),
  userAgent: Nullable(Type.String()),
  createdAt: WireTime,
  updatedAt: WireTime,
  expiresAt: WireTime,
})

export const listSessions = endpoint({
  route: 'GET /api/profile/sessions',
  summary: 'List your sessions',
  description: 'Lists the places where you are signed in, the newest sign-in first.',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(UserSessionWire) },
  fails: [],
  async handle({ query, caller, db, now }) {
    const page = parsePage(query, timeAndIdCursor)
    return ok(
      toPageWire(await loadSessions(db, caller.userId, { page, now }), page, (session) =>
        toUserSessionWire(session, caller.sessionId),
      ),
    )
  },
})

function toUserSessionWire(session: Session, currentId: string | undefined): Static<typeof UserSessionWire> {
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
