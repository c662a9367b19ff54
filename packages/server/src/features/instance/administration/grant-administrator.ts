import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { insertAdministrator } from '../../accounts/administrators/index.ts'
import { lockUserAlone } from '../../accounts/sign-in/index.ts'
import { findUserSuspension } from '../../accounts/suspensions/index.ts'
import { InstanceUserWire, toInstanceUserWire, userParams } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'
import { reportToUser } from './report-to-user.ts'

export const grantAdministrator = endpoint({
  route: 'POST /api/admin/users/:userId/administrator',
  summary: 'Make a user an administrator of the instance',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'administrator.granted',
  params: userParams,
  returns: { 200: InstanceUserWire },
  fails: ['administrator-not-suspendable'],
  async handle(call) {
    const { params, caller, change } = call
    const userId = toWireId('usr', params.userId)
    const { user, isNew } = await change(
      async (tx) => {
        if (!(await lockUserAlone(tx, userId))) throw problem('user-not-found')
        if ((await findUserSuspension(tx, userId)) !== undefined)
          throw problem('administrator-not-suspendable', { detail: 'The user is suspended: resume them first.' })
        const inserted = await insertAdministrator(tx, { userId, grantedBy: caller.userId })
        return { user: foundOr(await findInstanceUser(tx, userId), 'user-not-found'), isNew: inserted }
      },
      () => userId,
    )
    if (isNew) await reportToUser(call, { user, action: 'administrator.granted' })
    return ok(toInstanceUserWire(user))
  },
})
