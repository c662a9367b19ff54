import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { WireId } from '../../../platform/http/wire.ts'
import { findMemberProfiles } from '../organizations/index.ts'
import { PublicProfileWire } from './profile-wire.ts'

export const getProfiles = endpoint({
  route: 'POST /api/profiles/batch',
  summary: 'Get the names of members',
  description: 'Users who are not members of the organization are omitted from the reply.',
  caller: 'organization',
  permission: 'members:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  body: Type.Object({ ids: Type.Array(WireId('usr'), { minItems: 1, maxItems: 100 }) }),
  returns: { 200: Type.Object({ profiles: Type.Array(PublicProfileWire) }) },
  fails: [],
  handle: async ({ db, scope, body }) => ok({ profiles: await findMemberProfiles(db, scope, body.ids) }),
})
