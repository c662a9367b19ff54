import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { callLibrary } from './forward-to-auth-library.ts'
import { parseReply, SessionWire, UserWire } from './sign-in-wire.ts'

const CurrentSession = Type.Union([Type.Object({ user: UserWire, session: SessionWire }), Type.Null()])
const flag = Type.Boolean()

export const getSession = endpoint({
  route: 'GET /api/auth/get-session',
  summary: 'Get the current session',
  description: 'Returns `null` if you are not signed in. Extends a session that is older than a day.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: { disableCookieCache: Type.Optional(flag), disableRefresh: Type.Optional(flag) },
  returns: { 200: CurrentSession },
  fails: [],
  async handle(http) {
    return ok(await parseReply(CurrentSession, await callLibrary(http, { method: 'GET' })))
  },
})
