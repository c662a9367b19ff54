import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../../testing/test-database.ts'
import { openDatabase, type Database } from '../../db/database.ts'
import { createLog } from '../../log/log.ts'
import { openRedis } from '../../redis/redis.ts'
import { hasRedisServer, startRedisServer, type RedisServer } from '../../redis/testing/redis-server.ts'
import { idempotencyLockMs, idempotencyTtlMs, parseIdempotencyKey, type IdempotencyStore } from './idempotency.ts'
import { createPostgresIdempotency } from './postgres-idempotency.ts'
import { createRedisIdempotency } from './redis-idempotency.ts'

const log = createLog('silent')
const hash = () => randomBytes(32)
const reply = {
  status: 201,
  headers: { location: '/api/toys/1', 'content-type': 'application/json' },
  body: '{"id":"1","note":"é"}',
}

interface Opened {
  readonly store: IdempotencyStore
  /** Simulates that this much time has passed since the key was acquired. */
  age(keyHash: Buffer, ageMs: number): Promise<void>
  /** Milliseconds until the key expires. */
  ttlMs(keyHash: Buffer): Promise<number>
  close(): Promise<void>
}

// Both stores have the same contract.
describe.each([
  ['PostgreSQL', openPostgres, true],
  ['Redis', openRedisStore, hasRedisServer],
] as const)('idempotency keys in %s', (_name, open, isAvailable) => {
  describe.runIf(isAvailable)('conformance', () => keepsItsPromises(open))
})

function keepsItsPromises(open: () => Promise<Opened>): void {
  let opened: Opened
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened.close())

  it('has one winner among parallel callers', async () => {
    const [key, body] = [hash(), hash()]
    const states = (await Promise.all(Array.from({ length: 20 }, () => opened.store.acquire(key, body)))).map(
      ({ state }) => state,
    )
    expect(states.filter((state) => state === 'acquired')).toHaveLength(1)
    expect(states.filter((state) => state === 'in-progress')).toHaveLength(19)
  })

  it('has one winner among parallel callers with different bodies', async () => {
    const key = hash()
    const states = (await Promise.all(Array.from({ length: 20 }, () => opened.store.acquire(key, hash())))).map(
      ({ state }) => state,
    )
    expect(states.filter((state) => state === 'acquired')).toHaveLength(1)
    expect(states.filter((state) => state === 'reused')).toHaveLength(19)
  })

  it('returns the stored reply for the same body, and `reused` for another', async () => {
    const [key, body] = [hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.store.finish(key, body, reply)
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'finished', reply })
    expect(await opened.store.acquire(key, hash())).toEqual({ state: 'reused' })
  })

  it('keeps a reply for 24 hours, after which the key is free', async () => {
    const [key, body] = [hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.store.finish(key, body, reply)
    expect(await opened.ttlMs(key)).toBeGreaterThan(idempotencyTtlMs - 60_000)
    await opened.age(key, idempotencyTtlMs + 1)
    expect(await opened.store.acquire(key, hash())).toEqual({ state: 'acquired' })
  })

  it('gives a released key to the next request, with any body', async () => {
    const [key, body] = [hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.store.release(key, body)
    expect(await opened.store.acquire(key, hash())).toEqual({ state: 'acquired' })
  })

  it('releases neither a finished key nor one with another body', async () => {
    const [key, body, other] = [hash(), hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.store.release(key, other)
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'in-progress' })
    await opened.store.finish(key, body, reply)
    await opened.store.release(key, body)
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'finished', reply })
  })

  it('locks a key for at most a minute after a crash; another body is still refused', async () => {
    expect(idempotencyLockMs).toBeLessThanOrEqual(60_000)
    const [key, body] = [hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.age(key, idempotencyLockMs - 20_000)
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'in-progress' })
    await opened.age(key, 20_001)
    expect(await opened.store.acquire(key, hash())).toEqual({ state: 'reused' })
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'acquired' })
    expect(await opened.store.acquire(key, body), 'one of two').toEqual({ state: 'in-progress' })
  })

  it('locks a renewed key for another minute', async () => {
    const [key, body] = [hash(), hash()]
    await opened.store.acquire(key, body)
    await opened.age(key, idempotencyLockMs - 20_000)
    await opened.store.renew(key, hash())
    await opened.store.renew(key, body)
    await opened.age(key, idempotencyLockMs - 20_000)
    expect(await opened.store.acquire(key, body)).toEqual({ state: 'in-progress' })
    expect(await opened.ttlMs(key)).toBeGreaterThan(0)
  })
}

async function openPostgres(): Promise<Opened & { readonly database: Database }> {
  const testDatabase: TestDatabase = await cloneDatabase()
  const database = openDatabase(testDatabase.address, { connectionsMax: 5, log })
  return {
    database,
    store: createPostgresIdempotency(database.db),
    async age(keyHash, ageMs) {
      const text = `update idempotency_keys
        set locked_until = locked_until - $2 * interval '1 ms', expires_at = expires_at - $2 * interval '1 ms'
        where key_hash = $1`
      await database.pool.query(text, [keyHash, ageMs])
    },
    async ttlMs(keyHash) {
      const { rows } = await database.pool.query<{ ms: string }>(
        'select extract(epoch from expires_at - now()) * 1000 as ms from idempotency_keys where key_hash = $1',
        [keyHash],
      )
      return Number(rows[0]?.ms)
    },
    async close() {
      await database.close()
      await testDatabase.drop()
    },
  }
}

async function openRedisStore(): Promise<Opened> {
  const server: RedisServer = await startRedisServer()
  const redis = openRedis(server.url, log)
  if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve))
  const refuse = () => Promise.reject(new Error('The fallback must not be asked.'))
  const fallback = {
    find: async () => undefined,
    acquire: refuse,
    renew: refuse,
    finish: refuse,
    finishWith: refuse,
    remember: refuse,
    release: refuse,
  }
  const nameOf = (keyHash: Buffer) => `idem:${keyHash.toString('base64url')}`
  return {
    store: createRedisIdempotency(redis, { fallback, log }),
    async age(keyHash, ageMs) {
      const name = nameOf(keyHash)
      const [text, ttlMs] = [await redis.get(name), await redis.pttl(name)]
      if (text === null || ttlMs - ageMs <= 0) return void (await redis.del(name))
      const entry: { lockedUntilMs?: number } = JSON.parse(text)
      const aged = entry.lockedUntilMs === undefined ? entry : { ...entry, lockedUntilMs: entry.lockedUntilMs - ageMs }
      await redis.set(name, JSON.stringify(aged), 'PX', ttlMs - ageMs)
    },
    ttlMs: (keyHash) => redis.pttl(nameOf(keyHash)),
    async close() {
      redis.disconnect()
      await server.close()
    },
  }
}

describe('keys in PostgreSQL', () => {
  it('are removed after they have expired', async () => {
    const { store, database, age, close } = await openPostgres()
    const [expired, fresh] = [hash(), hash()]
    await store.acquire(expired, hash())
    await store.acquire(fresh, hash())
    await age(expired, idempotencyTtlMs + 1)
    for (let taken = 0; taken < 500; taken++) await store.acquire(fresh, hash())
    const left = await database.db.selectFrom('idempotency_keys').select('key_hash').execute()
    expect(left).toEqual([{ key_hash: fresh }])
    await close()
  })
})

describe('parseIdempotencyKey', () => {
  const parse = (headers: string[] | undefined, scope = ['POST']) =>
    parseIdempotencyKey(headers, scope, Buffer.from('{}'))

  it('reads a quoted and a bare key alike, and a missing one as undefined', () => {
    expect(parse(undefined)).toBeUndefined()
    expect(parse(['"a b"'])).toEqual(parse(['a b']))
    expect(parse(['a'])?.keyHash).not.toEqual(parse(['b'])?.keyHash)
  })

  it('reads escapes in quotes (RFC 8941), and refuses an unterminated string or one with trailing text', () => {
    expect(parse([String.raw`"a\"b\\c"`])).toEqual(parse([String.raw`a"b\c`]))
    for (const broken of ['"', '"a', '"a"b', '"a";x=1', String.raw`"a\b"`, String.raw`"a\"`])
      expect(() => parse([broken]), broken).toThrow('Idempotency-Key must be')
    expect(parse([`"${String.raw`\"`.repeat(255)}"`])).toBeDefined()
  })

  it('never confuses two pairs of scope and key', () => {
    expect(parse(['c'], ['a', 'b'])?.keyHash).not.toEqual(parse(['c'], ['ab'])?.keyHash)
    expect(parse(['b","c'], ['a'])?.keyHash).not.toEqual(parse(['c'], ['a', 'b'])?.keyHash)
  })
})
