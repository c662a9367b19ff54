import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openWorld, type World } from '../../testing/world.ts'
import { hasRedisServer, startRedisServer, type RedisServer } from '../redis/testing/redis-server.ts'
import { readLog } from './testing/log-lines.ts'
import { makeToys } from './testing/toys.ts'

describe.runIf(hasRedisServer)('a Redis that dies while the server runs', () => {
  const toys = makeToys()
  let redis: RedisServer
  let world: World
  beforeAll(async () => {
    redis = await startRedisServer()
    world = await openWorld({ features: [toys.feature], environment: { REDIS_URL: redis.url, RATE_LIMIT_DEFAULT: '5' } })
    await vi.waitUntil(() => world.platform.redis?.status === 'ready', 5_000)
  })
  afterAll(async () => {
    await world.close().finally(() => redis.close())
  })

  const count = async (tenant: Awaited<ReturnType<World['tenant']>>) => {
    const answer = await tenant.send('GET /api/toys')
    return [answer.status, Number(/remaining=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1])]
  }
  const create = (tenant: Awaited<ReturnType<World['tenant']>>, key: string) =>
    tenant.send('POST /api/toys', { body: { name: 'ball' }, headers: { 'idempotency-key': key } })

  it('leaves the API answering and limiting, from memory, and counts in Redis again when it is back', async () => {
    const tenant = await world.tenant()
    expect(await count(tenant)).toEqual([200, 4])
    expect((await redis.ask((client) => client.keys('rl:*'))).length).toBe(1)

    await redis.kill()
    expect(await count(tenant), 'counted from the start, in memory').toEqual([200, 4])
    for (let sent = 0; sent < 4; sent++) await count(tenant)
    expect(await count(tenant), 'and limited there').toEqual([429, 0])

    await redis.start()
    await expect.poll(() => world.platform.redis?.status, { timeout: 10_000 }).toBe('ready')
    expect(await count(tenant)).toEqual([200, 4])
    expect((await redis.ask((client) => client.keys('rl:*'))).length).toBe(1)
  })

  it('keeps idempotency keys in PostgreSQL meanwhile', async () => {
    const tenant = await world.tenant()
    await redis.kill()
    const [first, again] = [await create(tenant, 'during'), await create(tenant, 'during')]
    expect([first.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true'])
    expect(again.body).toEqual(first.body)
    const rows = await world.platform.db.selectFrom('idempotency_keys').select('status').execute()
    expect(rows).toEqual([{ status: 201 }])
    await redis.start()
    await expect.poll(() => world.platform.redis?.status, { timeout: 10_000 }).toBe('ready')
  })

  it('takes nothing back of a creation that was at work when it died', async () => {
    const tenant = await world.tenant()
    const release = toys.hold('slow')
    const creating = tenant.send('POST /api/toys', { body: { name: 'slow' }, headers: { 'idempotency-key': 'slow' } })
    await expect.poll(() => toys.begun.includes('slow')).toBe(true)
    await redis.kill()
    release()
    expect((await creating).status).toBe(201)
    await redis.start()
    await expect.poll(() => world.platform.redis?.status, { timeout: 10_000 }).toBe('ready')
  })

  it('holds up no request for more than a moment when it hangs instead of dying', async () => {
    const tenant = await world.tenant()
    await count(tenant)
    redis.freeze()
    const startedAt = performance.now()
    expect((await count(tenant))[0]).toBe(200)
    expect(performance.now() - startedAt, 'the first one waits').toBeLessThan(3_000)
    const durations = []
    for (let sent = 0; sent < 3; sent++) {
      const from = performance.now()
      await count(tenant)
      durations.push(performance.now() - from)
    }
    expect(Math.max(...durations), 'the others do not').toBeLessThan(500)
    redis.thaw()
    await expect.poll(() => world.platform.redis?.status, { timeout: 10_000 }).toBe('ready')
  })

  it('is reported once per outage, and when it is over', () => {
    const lines = readLog(world, 'Redis').filter(({ level }) => level >= 30).map(({ msg }) => msg)
    expect(lines).toEqual(Array.from({ length: 4 }, () => ['Redis is not reachable: limits are counted in memory until it is back.', 'Redis is back.']).flat())
  })
})
