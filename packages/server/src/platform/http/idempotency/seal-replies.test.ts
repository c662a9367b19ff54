import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Type } from 'typebox'
import { openWorld, type World } from '../../../testing/world.ts'
import { generateEncryptionKey, parseKeyRing } from '../../crypto/key-ring.ts'
import { created, endpoint } from '../endpoint.ts'
import { feature } from '../feature.ts'
import type { Acquired, IdempotencyStore, StoredReply } from './idempotency.ts'
import { sealReplies } from './seal-replies.ts'

const needle = 'a-secret-that-only-the-caller-may-have'

const showSecret = endpoint({
  route: 'POST /api/secrets',
  summary: 'Show a secret',
  caller: 'application',
  permission: 'none',
  limit: 'default',
  idempotency: 'supported',
  secretReply: true,
  audit: 'none',
  body: Type.Object({}),
  returns: { 201: Type.Object({ secret: Type.String() }) },
  fails: [],
  handle: async ({ requestId }) => created({ secret: `${needle} ${requestId}` }, '/api/secrets/1'),
})
const secrets = feature({
  folder: 'accounts/secrets',
  tag: 'Secrets',
  description: 'A feature of this test.',
  endpoints: { showSecret },
})

describe('a reply that holds a secret', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [secrets] })
  })
  afterAll(() => world.close())

  it('is replayed unchanged, and is not stored as plain text', async () => {
    const { send } = await world.tenant()
    const show = () => send('POST /api/secrets', { body: {}, headers: { 'idempotency-key': 'once' } })
    const [first, again] = [await show(), await show()]
    expect(first.body.secret, first.text).toContain(needle)
    expect([again.status, again.text, again.headers.get('idempotent-replayed'), again.headers.get('location')]).toEqual(
      [201, first.text, 'true', '/api/secrets/1'],
    )
    const rows = await world.platform.db.selectFrom('idempotency_keys').selectAll().execute()
    const kept = world.platform.redis === undefined ? rows : await keptIn(world.platform.redis)
    expect(kept.length).toBeGreaterThan(0)
    expect(JSON.stringify(kept)).not.toContain(needle)
    expect(world.logLines.join('')).not.toContain(needle)
  })
})

describe('sealReplies', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [] })
  })
  afterAll(() => world.close())

  const reply: StoredReply = { status: 201, headers: { location: '/x' }, body: needle }
  const [keyHash, otherKey, bodyHash] = [randomBytes(32), randomBytes(32), randomBytes(32)]

  it('changes only the bodies', async () => {
    const { store, calls } = storeOf({ state: 'in-progress' })
    const sealed = sealReplies(store, parseKeyRing(generateEncryptionKey('1')))
    expect(await sealed.acquire(keyHash, bodyHash)).toEqual({ state: 'in-progress' })
    await sealed.renew(keyHash, bodyHash)
    await sealed.release(keyHash, bodyHash)
    expect(calls).toEqual(['acquire', 'renew', 'release'])
  })

  it.each<[string, (sealed: IdempotencyStore) => Promise<unknown>]>([
    ['finish', (sealed) => sealed.finish(keyHash, bodyHash, reply)],
    [
      'finishWith',
      (sealed) => world.platform.db.transaction().execute((tx) => sealed.finishWith(tx, { keyHash, bodyHash }, reply)),
    ],
    ['remember', (sealed) => sealed.remember(keyHash, bodyHash, reply)],
  ])('decrypts only bodies that were encrypted for the same key: %s', async (_name, keep) => {
    const { store, kept } = storeOf({ state: 'in-progress' })
    const sealed = sealReplies(store, parseKeyRing(generateEncryptionKey('1')))
    await keep(sealed)
    expect(kept()).toMatchObject({ status: 201, headers: { location: '/x' } })
    expect(kept()?.body).not.toContain(needle)
    expect(await sealed.acquire(keyHash, bodyHash)).toEqual({ state: 'finished', reply })
    await expect(sealed.acquire(otherKey, bodyHash)).rejects.toThrow('belongs to another row')
  })
})

async function keptIn(redis: Redis): Promise<(string | null)[]> {
  const prefix = redis.options.keyPrefix ?? ''
  const keys = await redis.keys(`${prefix}idem:*`)
  return Promise.all(keys.map((key) => redis.get(key.slice(prefix.length))))
}

function storeOf(acquired: Acquired): {
  store: IdempotencyStore
  calls: string[]
  kept: () => StoredReply | undefined
} {
  const calls: string[] = []
  let kept: StoredReply | undefined
  const store: IdempotencyStore = {
    async acquire() {
      calls.push('acquire')
      return kept === undefined ? acquired : { state: 'finished', reply: kept }
    },
    renew: async () => void calls.push('renew'),
    release: async () => void calls.push('release'),
    async finish(_key, _body, reply) {
      kept = reply
    },
    async finishWith(_tx, _key, reply) {
      kept = reply
      return true
    },
    async remember(_key, _body, reply) {
      kept = reply
    },
  }
  return { store, calls, kept: () => kept }
}
