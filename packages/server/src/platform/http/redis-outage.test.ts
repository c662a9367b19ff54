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
    world = await openWorld({
      features: [toys.feature],
      environment: { REDIS_URL: redis.url, RATE_LIMIT_DEFAULT: '5' },
    })
    await vi.waitUntil(() => world.platform.redis?.status === 'ready', 15_000)
  })
  afterAll(async () => {
    await world.close().finally(() => redis.close())
  })

  const count = async (tenant: Awaited<ReturnType<World['tenant']>>) => {
    const answer = await tenant.send('GET /api/toys')
    return [answer.status, Number(/remaining=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1])]
  }
  const create = (tenant: Awaited<ReturnType<World['tenant']>>, key: string, name = 'ball') =>
    tenant.send('POST /api/toys', { body: { name }, headers: { 'idempotency-key': key } })
  const isBack = () => expect.poll(() => world.platform.redis?.status, { timeout: 15_000 }).toBe('ready')
  const restart = async () => {
    await redis.start()
    await isBack()
  }

  it('keeps the API answering and limiting from memory, and counting in Redis again after the outage', async () => {
    const tenant = await world.tenant()
    expect(await count(tenant)).toEqual([200, 4])
    expect((await redis.ask((client) => client.keys('rl:*'))).length).toBe(1)

    await redis.kill()
    expect(await count(tenant), 'counted from the start, in memory').toEqual([200, 4])
    for (let sent = 0; sent < 4; sent++) await count(tenant)
    expect(await count(tenant), 'and limited in memory').toEqual([429, 0])

    await restart()
    expect(await count(tenant)).toEqual([200, 4])
    expect((await redis.ask((client) => client.keys('rl:*'))).length).toBe(1)
  })

  it('stores idempotency keys in PostgreSQL meanwhile, and honours them after the outage', async () => {
    const tenant = await world.tenant()
    await world.platform.db.deleteFrom('idempotency_keys').execute()
    await redis.kill()
    const [first, again] = [await create(tenant, 'during'), await create(tenant, 'during')]
    expect([first.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true'])
    expect(again.body).toEqual(first.body)
    const rows = await world.platform.db.selectFrom('idempotency_keys').select('status').execute()
    expect(rows).toEqual([{ status: 201 }])
    await restart()
    const later = await create(tenant, 'during')
    expect([later.text, later.headers.get('idempotent-replayed')]).toEqual([first.text, 'true'])
    expect((await create(tenant, 'during', 'bat')).status, 'another body').toBe(422)
    expect((await create(tenant, 'afterwards')).headers.get('idempotent-replayed')).toBeNull()
  })

  it('does not undo a creation that was in progress when it died', async () => {
    const tenant = await world.tenant()
    const name = `slow ${toys.begun.length}`
    const release = toys.hold(name)
    const creating = create(tenant, 'slow', name)
    await expect.poll(() => toys.begun.includes(name), { timeout: 15_000 }).toBe(true)
    await redis.kill()
    release()
    const first = await creating
    expect(first.status).toBe(201)
    await restart()
    const again = await create(tenant, 'slow', name)
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true'])
    expect(toys.begun.filter((begun) => begun === name)).toHaveLength(1)
  })

  // A request that waits for it would never end, and thirty that each wait a second would take thirty seconds.
  it('delays no request noticeably when it hangs instead of dying', { timeout: 25_000 }, async () => {
    const tenant = await world.tenant()
    await count(tenant)
    redis.freeze()
    for (let sent = 0; sent < 30; sent++) await count(tenant)
    redis.thaw()
    await isBack()
  })

  it('is reported once per outage, and when the outage is over', () => {
    const lines = readLog(world, 'Redis')
      .filter(({ level }) => level >= 30)
      .map(({ msg }) => msg)
    const outages = lines.length / 2
    // At least those above; a slow machine or a retried test causes more.
    expect(outages).toBeGreaterThanOrEqual(4)
    expect(lines).toEqual(
      Array.from({ length: outages }, () => [
        'Redis is unreachable: limits are counted in memory until it is available again.',
        'Redis is available again.',
      ]).flat(),
    )
  })
})
