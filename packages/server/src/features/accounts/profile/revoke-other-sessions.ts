import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteOtherSessions } from '../sign-in/index.ts'
import { reportRevocation } from './report-revocation.ts'

export const revokeOtherSessions = endpoint({
  route: 'POST /api/profile/sessions/revoke-others',
  summary: 'End your other sessions',
  description: 'Signs you out everywhere except in this session.',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'session.others-revoked',
  body: Type.Object({}),
  bodyKind: 'optional-json',
  returns: { 200: Type.Object({ revoked: Type.Integer({ description: 'How many sessions were ended.' }) }) },
  fails: [],
  async handle({ change, ...call }) {
    const { caller, platform } = call
    const revoked = await change(
      async (tx) => {
        const count = await deleteOtherSessions(tx, caller.userId, caller.sessionId ?? '')
        // The current session ended after this request was authenticated: it must not revoke the others.
        if (count === undefined) throw problem('unauthorized', { detail: 'The session has ended: sign in again.' })
        return count
      },
      () => caller.userId,
    )
    platform.wake.wake('sessions', '*')
    if (revoked > 0) await reportRevocation(call)
    return ok({ revoked })
  },
})
