import { Type } from 'typebox'
import { contributed } from '../../../platform/http/openapi/contributed.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { erase, finishErasure } from './erase.ts'
import type { Erasure } from './erasure-store.ts'

const ErasureWire = contributed<{ readonly endUserId: string; readonly erasedAt: string }>(
  [{ hook: 'erase' }],
  wire('Erasure', {
    endUserId: WireId('eu'),
    erasedAt: WireTime,
    // Connections do not exist yet; the field is a part of the API already.
    connections: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }),
    dataKey: Type.Literal('destroyed', {
      description: 'Content that was encrypted with it cannot be read again, in any copy.',
    }),
  }),
)

/** The database ends one transaction of a deadlock; the erasure is then repeated. */
const attemptsMax = 5

export const eraseEndUser = endpoint({
  route: 'DELETE /api/end-users/:endUserId',
  summary: 'Erase an end-user',
  description:
    'Deletes the end-user with all of their content, and destroys their data key. ' +
    'Runs that have not ended are cancelled. All runs stay for billing, without content and without the end-user. ' +
    'The reply says what was erased. ' +
    'An erasure cannot be undone.',
  caller: 'application',
  permission: 'end-users:delete',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'end-user.erased',
  params: { endUserId: { id: 'eu', missing: 'end-user-not-found' } },
  returns: { 200: ErasureWire },
  fails: [],
  async handle({ params: { endUserId }, scope, now, platform, change }) {
    const erased = await repeatDeadlocked(() =>
      change(
        (tx) => erase(tx, scope, { endUserId, now, hooks: platform.hooks }),
        () => toWireId('eu', endUserId),
      ),
    )
    await finishErasure(platform, erased)
    return ok(toErasureWire(erased.erasure))
  },
})

function toErasureWire({ endUserId, erasedAt, report }: Erasure) {
  return { endUserId: toWireId('eu', endUserId), erasedAt: toWireTime(erasedAt), ...report }
}

async function repeatDeadlocked<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= attemptsMax || !isDeadlock(error)) throw error
    }
  }
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40P01'
}
