import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { erase, finishErasure } from './erase.ts'
import { ErasureWire, toErasureWire } from './erasure-wire.ts'

/** The database ends one transaction of a deadlock; the erasure is then repeated. */
const attemptsMax = 5

export const eraseEndUser = endpoint({
  route: 'DELETE /api/end-users/:endUserId',
  summary: 'Erase an end-user',
  description:
    'Deletes the end-user with all of their content, and destroys their data key. ' +
    'Runs that have not ended are cancelled. All runs stay for billing, without content and without the end-user. The reply says what was erased. ' +
    'An erasure cannot be undone.',
  caller: 'application',
  permission: 'end-users:delete',
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
