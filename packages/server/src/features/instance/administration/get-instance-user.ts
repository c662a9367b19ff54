import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { InstanceUserDetailsWire, toUserDetailsWire, userParams } from './administration-wire.ts'
import { findInstanceUser, findMembershipsOf } from './instance-user-store.ts'

const membershipsMax = 100

export const getInstanceUser = endpoint({
  route: 'GET /api/admin/users/:userId',
  summary: 'Get a user of the instance',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: userParams,
  returns: { 200: InstanceUserDetailsWire },
  fails: [],
  async handle({ params, db }) {
    const user = foundOr(await findInstanceUser(db, toWireId('usr', params.userId)), 'user-not-found')
    return ok(toUserDetailsWire(user, await findMembershipsOf(db, user.id, membershipsMax)))
  },
})
