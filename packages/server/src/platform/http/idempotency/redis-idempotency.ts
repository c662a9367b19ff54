import type { Redis } from 'ioredis'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { databaseFailureOf } from '../../db/database-failure.ts'
import type { Log } from '../../log/log.ts'
import {
  idempotencyLockMs,
  idempotencyTtlMs,
  type Acquired,
  type IdempotencyKey,
  type IdempotencyStore,
  type StoredReply,
} from './idempotency.ts'
import type { DurableIdempotency } from './postgres-idempotency.ts'

const Entry = Type.Object({
  bodyHash: Type.String(),
  lockedUntilMs: Type.Optional(Type.Number()),
  reply: Type.Optional(
    Type.Object({ status: Type.Integer(), headers: Type.Record(Type.String(), Type.String()), body: Type.String() }),
  ),
})

const nowMs = `local t = redis.call('time'); local now = t[1] * 1000 + math.floor(t[2] / 1000)`

// KEYS[1]; ARGV: body hash, lock ms, ttl ms. Locks a free or an abandoned key, or returns its entry.
const acquireScript = `${nowMs}
local held = redis.call('get', KEYS[1])
if held then
  local entry = cjson.decode(held)
  if entry.reply or entry.bodyHash ~= ARGV[1] or entry.lockedUntilMs > now then return held end
end
redis.call('set', KEYS[1], cjson.encode({ bodyHash = ARGV[1], lockedUntilMs = now + ARGV[2] }), 'PX', ARGV[3])
return false`

// KEYS[1]; ARGV: body hash, lock ms. Renews the lock of the caller's unfinished key; without lock ms, releases it.
const holdScript = `${nowMs}
local held = redis.call('get', KEYS[1])
if not held then return 0 end
local entry = cjson.decode(held)
if entry.reply or entry.bodyHash ~= ARGV[1] then return 0 end
if not ARGV[2] then return redis.call('del', KEYS[1]) end
redis.call('set', KEYS[1], cjson.encode({ bodyHash = ARGV[1], lockedUntilMs = now + ARGV[2] }), 'KEEPTTL')
return 1`

/**
 * Keys in Redis, with PostgreSQL as the fallback while Redis is down, so that no key is ignored. After an outage Redis
 * lacks those keys and may have lost all others, so a key that is free there is also looked up in PostgreSQL.
 */
export function createRedisIdempotency(
  redis: Redis,
  { fallback, log }: { fallback: DurableIdempotency; log: Log },
): IdempotencyStore {
  const orFallback = async <T>(viaRedis: () => Promise<T>, viaFallback: () => Promise<T>): Promise<T> => {
    try {
      return await viaRedis()
    } catch (error) {
      if (databaseFailureOf(error) !== undefined) throw error
      // openRedis already reports an outage, once.
      log.debug({ err: error }, 'Redis failed; an idempotency key is stored in PostgreSQL.')
      return viaFallback()
    }
  }
  const release = (keyHash: Buffer, bodyHash: Buffer) =>
    orFallback(
      () => hold(redis, keyHash, [encode(bodyHash)]),
      () => fallback.release(keyHash, bodyHash),
    )
  // Releases the lock if the database knows the key, or fails: the repeated request must not wait for it.
  const confirm = async (keyHash: Buffer, bodyHash: Buffer): Promise<Acquired> => {
    const missed = await fallback.find(keyHash, bodyHash).catch(async (error: unknown) => {
      await release(keyHash, bodyHash)
      throw error
    })
    if (missed !== undefined) await release(keyHash, bodyHash)
    return missed ?? { state: 'acquired' }
  }
  return {
    acquire: (keyHash, bodyHash) =>
      orFallback(
        async () => {
          const acquired = await acquire(redis, keyHash, bodyHash)
          return acquired.state === 'acquired' ? confirm(keyHash, bodyHash) : acquired
        },
        () => fallback.acquire(keyHash, bodyHash),
      ),
    renew: (keyHash, bodyHash) =>
      orFallback(
        () => hold(redis, keyHash, [encode(bodyHash), idempotencyLockMs]),
        () => fallback.renew(keyHash, bodyHash),
      ),
    finish: (keyHash, bodyHash, reply) =>
      orFallback(
        () => write(redis, { keyHash, bodyHash }, reply),
        () => fallback.finish(keyHash, bodyHash, reply),
      ),
    finishWith: fallback.finishWith,
    // Without the copy, the next request with the key finds the reply in the database.
    remember: (keyHash, bodyHash, reply) => write(redis, { keyHash, bodyHash }, reply).catch(() => undefined),
    release,
  }
}

async function hold(redis: Redis, keyHash: Buffer, args: readonly (string | number)[]): Promise<void> {
  await redis.eval(holdScript, 1, keyOf(keyHash), ...args)
}

async function write(redis: Redis, { keyHash, bodyHash }: IdempotencyKey, reply: StoredReply): Promise<void> {
  const entry = JSON.stringify({ bodyHash: encode(bodyHash), reply })
  await redis.set(keyOf(keyHash), entry, 'PX', idempotencyTtlMs)
}

async function acquire(redis: Redis, keyHash: Buffer, bodyHash: Buffer): Promise<Acquired> {
  const held = await redis.eval(acquireScript, 1, keyOf(keyHash), encode(bodyHash), idempotencyLockMs, idempotencyTtlMs)
  if (held === null) return { state: 'acquired' }
  const entry = Value.Parse(Entry, JSON.parse(String(held)))
  if (entry.bodyHash !== encode(bodyHash)) return { state: 'reused' }
  return entry.reply === undefined ? { state: 'in-progress' } : { state: 'finished', reply: entry.reply }
}

function keyOf(keyHash: Buffer): string {
  return `idem:${keyHash.toString('base64url')}`
}

function encode(bodyHash: Buffer): string {
  return bodyHash.toString('base64')
}
