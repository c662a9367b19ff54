import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { isAdministrator } from '../../accounts/administrators/index.ts'
import { deleteSessions, lockUserAlone } from '../../accounts/sign-in/index.ts'
import { insertUserSuspension } from '../../accounts/suspensions/index.ts'
import { InstanceUserWire, SuspensionBody, toInstanceUserWire, userParams } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'
import { reportToUser } from './report-to-user.ts'

export const suspendUser = endpoint({
  route: 'POST /api/admin/users/:userId/suspend',
  summary: 'Suspend a user',
  description:
    'Their sessions and streams end, and signing in is refused with `user-suspended` and the reason, once the ' +
    'password or passkey was right. API keys that they created stop working until they are resumed, or until another ' +
    'member rotates the keys. What belongs to organizations, such as schedules, goes on. ' +
    'Repeat the request to change the reason.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'user.suspended',
  params: userParams,
  body: SuspensionBody,
  bodyBytesMax: smallBodyBytes,
  returns: { 200: InstanceUserWire },
  fails: ['administrator-not-suspendable'],
  async handle(call) {
    const { params, body, caller, change, platform } = call
    const { reason } = body
    const userId = toWireId('usr', params.userId)
    const user = await change(
      async (tx) => {
        if (!(await lockUserAlone(tx, userId))) throw problem('user-not-found')
        if (await isAdministrator(tx, userId))
          throw problem('administrator-not-suspendable', {
            detail: 'The user is an administrator of the instance: take the mark from them first.',
          })
        await insertUserSuspension(tx, userId, { reason, suspendedBy: caller.userId })
        await deleteSessions(tx, userId)
        return foundOr(await findInstanceUser(tx, userId), 'user-not-found')
      },
      ({ id }) => ({ resourceId: id, changes: changesBetween({}, { reason }) }),
    )
    for (const topic of ['sessions', 'keys'] as const) platform.wake.wake(topic, '*')
    await reportToUser(call, { user, action: 'account.suspended', detail: reason })
    return ok(toInstanceUserWire(user))
  },
})
