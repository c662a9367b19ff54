import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { listSessions as loadSessions } from '../sign-in/index.ts'
import { toUserSessionWire, UserSessionWire } from './session-wire.ts'

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
    const page = parsePage(query)
    return ok(
      toPageWire(await loadSessions(db, caller.userId, { page, now }), page, (session) =>
        toUserSessionWire(session, caller.sessionId),
      ),
    )
  },
})
