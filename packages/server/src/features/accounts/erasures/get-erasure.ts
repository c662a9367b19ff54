import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { OneOf, wire, WireId } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { findEndUser } from '../end-users/index.ts'
import { ErasureWire, loadErasureWire } from './erasure-wire.ts'

const ErasureStateWire = wire('ErasureState', {
  endUserId: WireId('eu'),
  status: {
    ...OneOf(['none', 'erasing', 'erased']),
    description: '`none`: nobody has asked for an erasure.',
  },
  erasure: Type.Optional(ErasureWire),
})

export const getErasure = endpoint({
  route: 'GET /api/end-users/:endUserId/erasure',
  summary: 'Show the erasure of an end-user',
  description: 'Whether an end-user is being erased or was erased, and what was removed. The report is kept.',
  caller: 'application',
  permission: 'end-users:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { endUserId: { id: 'eu', missing: 'end-user-not-found' } },
  returns: { 200: ErasureStateWire },
  fails: [],
  async handle({ params, scope, platform, db }) {
    const endUserId = toWireId('eu', params.endUserId)
    const erasure = await loadErasureWire(platform, scope, params.endUserId)
    if (erasure !== undefined) return ok({ endUserId, status: erasure.status, erasure })
    if ((await findEndUser(db, scope, params.endUserId)) !== undefined)
      return ok({ endUserId, status: 'none' as const })
    throw problem('end-user-not-found')
  },
})
