import type { Redis } from 'ioredis'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Log } from '../../log/log.ts'
import { idempotencyLockMs, idempotencyTtlMs, type Acquired, type IdempotencyStore } from './idempotency.ts'
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
      // openRedis already reports an outage, once.
      log.debug({ err: error }, 'Redis failed; an idempotency key is stored in PostgreSQL.')
      return viaFallback()
    }
  }
  const hold = async (keyHash: Buffer, args: readonly (string | number)[]) =>
    void (await redis.eval(holdScript, 1, keyOf(keyHash), ...args))
  return {
    acquire: (keyHash, bodyHash) =>
      orFallback(
        async () => {
          const acquired = await acquire(redis, keyHash, bodyHash)
          const missed = acquired.state === 'acquired' ? await fallback.find(keyHash, bodyHash) : undefined
          if (missed !== undefined) await hold(keyHash, [encode(bodyHash)])
          return missed ?? acquired
        },
        () => fallback.acquire(keyHash, bodyHash),
      ),
    renew: (keyHash, bodyHash) =>
      orFallback(
        () => hold(keyHash, [encode(bodyHash), idempotencyLockMs]),
        () => fallback.renew(keyHash, bodyHash),
      ),
    finish: (keyHash, bodyHash, reply) =>
      orFallback(
        async () =>
          void (await redis.set(
            keyOf(keyHash),
            JSON.stringify({ bodyHash: encode(bodyHash), reply }),
            'PX',
            idempotencyTtlMs,
          )),
        () => fallback.finish(keyHash, bodyHash, reply),
      ),
    release: (keyHash, bodyHash) =>
      orFallback(
        () => hold(keyHash, [encode(bodyHash)]),
        () => fallback.release(keyHash, bodyHash),
      ),
  }
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
