import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findUser } from '../sign-in/index.ts'
import { ProfileWire, toProfileWire } from './profile-wire.ts'

export const getProfile = endpoint({
  route: 'GET /api/profile',
  summary: 'Get your profile',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: ProfileWire },
  fails: [],
  handle: async ({ db, caller }) => ok(toProfileWire(foundOr(await findUser(db, caller.userId), 'unauthorized'))),
})
