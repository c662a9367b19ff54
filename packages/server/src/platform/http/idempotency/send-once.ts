import type { FastifyReply } from 'fastify'
import { setTimeout as sleep } from 'node:timers/promises'
import { databaseFailureOf } from '../../db/database-failure.ts'
import type { Tx } from '../../db/database.ts'
import { problem } from '../../problems/problem.ts'
import type { ApiParts, Operation } from '../api.ts'
import { hijacked, type AnyCall } from '../endpoint.ts'
import {
  idempotencyLockMs,
  type Acquired,
  type IdempotencyKey,
  type IdempotencyStore,
  type StoredReply,
} from './idempotency.ts'
import { refuseDeleted } from './refuse-deleted.ts'
import { present, sendStored, type Http } from './stored-reply.ts'

interface HeldCall {
  readonly http: Http
  readonly call: AnyCall
  readonly key: IdempotencyKey
}

/** Waits between the attempts to release a key whose request failed with the database. */
const releaseDelaysMs = [1_000, 4_000, 15_000]

/** Another request with the key has committed its change: this transaction is rolled back, and its reply replayed. */
class FinishedMeanwhile extends Error {
  override readonly name = 'FinishedMeanwhile'
}

/** Keys whose reply was stored by the transaction of the change. */
const kept = new WeakSet<IdempotencyKey>()

/** Stores the reply under the request's key in the transaction of its change. Throws to roll a second change back. */
export async function keepReply(
  idempotency: IdempotencyStore,
  tx: Tx,
  { key, stored }: { readonly key: IdempotencyKey; readonly stored: StoredReply },
): Promise<void> {
  if (!(await idempotency.finishWith(tx, key, stored))) throw new FinishedMeanwhile()
  kept.add(key)
}

/** One winner runs the handler. Only a finished reply is stored, so that a failed request can be retried. */
export async function sendOnce(parts: ApiParts, operation: Operation, held: HeldCall): Promise<FastifyReply> {
  const { idempotency } = parts
  const { http, key } = held
  const acquired = await idempotency.acquire(key.keyHash, key.bodyHash)
  if (acquired.state !== 'acquired') return replay(parts, held, acquired)
  try {
    return sendStored(http.reply, await runHolding(parts, operation, held))
  } catch (error) {
    if (!(error instanceof FinishedMeanwhile)) throw error
    const again = await idempotency.acquire(key.keyHash, key.bodyHash)
    if (again.state !== 'acquired') return replay(parts, held, again)
    await idempotency.release(key.keyHash, key.bodyHash)
    return replay(parts, held, { state: 'in-progress' })
  }
}

async function replay(
  { platform }: ApiParts,
  { http, call }: HeldCall,
  earlier: Exclude<Acquired, { state: 'acquired' }>,
): Promise<FastifyReply> {
  switch (earlier.state) {
    case 'finished':
      await refuseDeleted(platform.hooks, call.db, earlier.reply)
      return sendStored(http.reply.header('Idempotent-Replayed', 'true'), earlier.reply)
    case 'in-progress':
      throw problem('idempotency-in-progress', {
        detail: 'A request with this Idempotency-Key is still in progress: try again when it has ended.',
        headers: { 'Retry-After': '1' },
      })
    case 'reused':
      throw problem('idempotency-key-reuse', {
        detail: 'This Idempotency-Key was used with another body: use a new key for a new request.',
      })
  }
}

async function runHolding(parts: ApiParts, operation: Operation, held: HeldCall): Promise<StoredReply> {
  const { http, call, key } = held
  const { idempotency } = parts
  const logFailure = (work: Promise<void>) =>
    work.catch((error: unknown) => call.log.warn({ err: error }, 'An idempotency key could not be updated.'))
  // A long request, such as one that waits for a run, takes longer than the lock, which must end soon after a crash.
  const renewal = setInterval(
    () => void logFailure(idempotency.renew(key.keyHash, key.bodyHash)),
    idempotencyLockMs / 3,
  )
  try {
    const result = await operation.endpoint.handle(call)
    if (result === hijacked || 'stream' in result) throw new Error(`${operation.id} cannot be idempotent: it streams.`)
    const stored = present(parts, operation, { http, result })
    const store = kept.has(key) ? idempotency.remember : idempotency.finish
    // The handler has taken effect: failing to store the reply must neither fail the request nor release the key.
    await logFailure(store(key.keyHash, key.bodyHash, stored))
    return stored
  } catch (error) {
    // The database may come back after the reply: then the repeated request must not find the key locked.
    if (databaseFailureOf(error) !== undefined) void logFailure(releaseLater(idempotency, key))
    else await logFailure(idempotency.release(key.keyHash, key.bodyHash))
    throw error
  } finally {
    clearInterval(renewal)
  }
}

async function releaseLater(idempotency: IdempotencyStore, { keyHash, bodyHash }: IdempotencyKey): Promise<void> {
  for (const delayMs of releaseDelaysMs) {
    try {
      return await idempotency.release(keyHash, bodyHash)
    } catch {
      await sleep(delayMs, undefined, { ref: false })
    }
  }
  await idempotency.release(keyHash, bodyHash)
}
