import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findEndUser } from './end-user-store.ts'
import { EndUserWire, toEndUserWire } from './end-user-wire.ts'

export const getEndUser = endpoint({
  route: 'GET /api/end-users/:endUserId',
  summary: 'Get an end-user',
  caller: 'application',
  permission: 'end-users:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { endUserId: { id: 'eu', missing: 'end-user-not-found' } },
  returns: { 200: EndUserWire },
  fails: [],
  handle: async ({ params, scope, db }) =>
    ok(toEndUserWire(foundOr(await findEndUser(db, scope, params.endUserId), 'end-user-not-found'))),
})
