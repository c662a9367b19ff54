import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { lockUserAlone } from '../../accounts/sign-in/index.ts'
import { deleteUserSuspension } from '../../accounts/suspensions/index.ts'
import { InstanceUserWire, toInstanceUserWire, userParams } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'
import { reportToUser } from './report-to-user.ts'

export const resumeUser = endpoint({
  route: 'POST /api/admin/users/:userId/resume',
  summary: 'End the suspension of a user',
  description: 'They can sign in again, and their API keys work again.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'user.resumed',
  params: userParams,
  returns: { 200: InstanceUserWire },
  fails: [],
  async handle(call) {
    const { params, change, platform } = call
    const userId = toWireId('usr', params.userId)
    const { user, wasSuspended } = await change(
      async (tx) => {
        if (!(await lockUserAlone(tx, userId))) throw problem('user-not-found')
        const ended = await deleteUserSuspension(tx, userId)
        return { user: foundOr(await findInstanceUser(tx, userId), 'user-not-found'), wasSuspended: ended }
      },
      () => userId,
    )
    platform.wake.wake('keys', '*')
    if (wasSuspended) await reportToUser(call, { user, action: 'account.resumed' })
    return ok(toInstanceUserWire(user))
  },
})
