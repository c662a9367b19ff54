import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteSession } from '../sign-in/index.ts'
import { reportRevocation } from './report-revocation.ts'

export const revokeSession = endpoint({
  route: 'DELETE /api/profile/sessions/:sessionId',
  summary: 'End one of your sessions',
  description: 'The cookie of the session, and every copy of it, stops working immediately.',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'session.revoked',
  params: { sessionId: { id: 'ses', missing: 'session-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, change, ...call }) {
    const { caller, platform } = call
    const id = toWireId('ses', params.sessionId)
    await change(
      async (tx) => {
        if (!(await deleteSession(tx, caller.userId, id))) throw problem('session-not-found')
      },
      () => id,
    )
    platform.wake.wake('sessions', id)
    await reportRevocation(call)
    return noContent()
  },
})
