import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteAdministrator, lockAdministrators } from '../../accounts/administrators/index.ts'
import { userParams } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'
import { reportToUser } from './report-to-user.ts'

export const revokeAdministrator = endpoint({
  route: 'DELETE /api/admin/users/:userId/administrator',
  summary: 'Take the mark of an administrator from a user',
  description: 'You can take it from yourself, but never from the last administrator.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'administrator.revoked',
  params: userParams,
  returns: { 204: Nothing },
  fails: ['last-administrator'],
  async handle(call) {
    const { params, caller, change } = call
    const userId = toWireId('usr', params.userId)
    const { user, wasOne } = await change(
      async (tx) => {
        const administrators = await lockAdministrators(tx)
        // Another administrator may have taken it from the caller since the request was authorized.
        if (!administrators.has(caller.userId))
          throw problem('administrator-required', { detail: 'You are no longer an administrator of this instance.' })
        const found = foundOr(await findInstanceUser(tx, userId), 'user-not-found')
        if (!administrators.has(userId)) return { user: found, wasOne: false }
        if (administrators.size === 1)
          throw problem('last-administrator', {
            detail: 'The user is the only administrator of the instance: make another user one first.',
          })
        await deleteAdministrator(tx, userId)
        return { user: found, wasOne: true }
      },
      () => userId,
    )
    if (wasOne) await reportToUser(call, { user, action: 'administrator.revoked' })
    return noContent()
  },
})
