import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteSessions, lockUserAlone } from '../../accounts/sign-in/index.ts'
import { userParams } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'
import { reportToUser } from './report-to-user.ts'

export const revokeUserSessions = endpoint({
  route: 'POST /api/admin/users/:userId/revoke-sessions',
  summary: 'End all sessions of a user',
  description: 'They must sign in again everywhere. Your own session ends too if you are that user.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'user.sessions-revoked',
  params: userParams,
  returns: { 200: Type.Object({ revoked: Type.Integer({ description: 'The number of sessions that ended.' }) }) },
  fails: [],
  async handle(call) {
    const { params, change, platform } = call
    const userId = toWireId('usr', params.userId)
    const { user, revoked } = await change(
      async (tx) => {
        if (!(await lockUserAlone(tx, userId))) throw problem('user-not-found')
        const count = await deleteSessions(tx, userId)
        return { user: foundOr(await findInstanceUser(tx, userId), 'user-not-found'), revoked: count }
      },
      () => userId,
    )
    platform.wake.wake('sessions', '*')
    if (revoked > 0) await reportToUser(call, { user, action: 'session.revoked' })
    return ok({ revoked })
  },
})
