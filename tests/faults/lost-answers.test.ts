import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { databaseFailureOf } from '../../packages/server/src/platform/db/database-failure.ts'
import { openDatabase, type Database } from '../../packages/server/src/platform/db/database.ts'
import { createLog } from '../../packages/server/src/platform/log/log.ts'
import { openRedis } from '../../packages/server/src/platform/redis/redis.ts'
import { createPostgresWake } from '../../packages/server/src/platform/wake/postgres-wake.ts'
import { createRedisWake } from '../../packages/server/src/platform/wake/redis-wake.ts'
import type { Wake } from '../../packages/server/src/platform/wake/wake.ts'
import { cloneDatabase, type TestDatabase } from '../../packages/server/src/testing/test-database.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

const hasServices = process.env['TEST_DATABASE_URL'] !== undefined
const log = createLog('silent')
/** Far less than the statement timeout, after which the connections would be given up anyway. */
const patience = { timeout: 15_000, interval: 50 }

describe.runIf(hasServices)('a network that loses what is sent', () => {
  let testDatabase: TestDatabase
  let proxy: TcpProxy
  let database: Database
  beforeEach(async () => {
    testDatabase = await cloneDatabase()
    proxy = await startTcpProxy(testDatabase.connectionString)
    database = openDatabase(
      { connectionString: proxy.through(testDatabase.connectionString) },
      { connectionsMax: 2, log },
    )
  })
  afterEach(async () => {
    await proxy.restore()
    await database.close()
    await proxy.close()
    await testDatabase.drop()
  })

  it('leaves no database connection stuck: statements without an answer fail soon after it works again', async () => {
    const { rows: before } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)
    await Promise.all([sql`select pg_sleep(0.1)`.execute(database.db), sql`select pg_sleep(0.1)`.execute(database.db)])
    proxy.swallow()
    const failures: unknown[] = []
    const lost = [1, 2].map((n) =>
      sql`select ${n}::int`.execute(database.db).catch((error: unknown) => void failures.push(error)),
    )
    // The server is asked in vain while the network is down.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(failures).toEqual([])
    await proxy.restore()
    await Promise.all(lost)
    expect(failures.map(databaseFailureOf)).toEqual([
      { kind: 'unavailable', mayHaveTakenEffect: true },
      { kind: 'unavailable', mayHaveTakenEffect: true },
    ])
    const { rows: after } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)
    expect(after).not.toEqual(before)
  })

  it('does not end statements that take long', async () => {
    const { rows } = await sql<{ done: number }>`select 1 as done from pg_sleep(5)`.execute(database.db)
    expect(rows).toEqual([{ done: 1 }])
  })

  it('is noticed by the connection that listens for wake-ups, although nothing is sent on it', async () => {
    await expectsWakeUpsAgain(await createPostgresWake(database.background.pool, log), proxy, async (wake) => {
      const other = openDatabase(testDatabase.address, { connectionsMax: 1, log })
      const sender = await createPostgresWake(other.background.pool, log)
      await wake(sender)
      await sender.close()
      await other.close()
    })
  })

  it('is noticed by the Redis connection that listens for wake-ups', async () => {
    const url = inject('redisUrl')
    if (url === null) throw new Error('TEST_REDIS_URL is missing.')
    const redisProxy = await startTcpProxy(url)
    const [redis, direct] = [openRedis(redisProxy.through(url), log), openRedis(url, log)]
    await expectsWakeUpsAgain(await createRedisWake(redis, log), redisProxy, async (wake) => {
      const sender = await createRedisWake(direct, log)
      await wake(sender)
      await sender.close()
    })
    redis.disconnect()
    direct.disconnect()
    await redisProxy.close()
  })
})

async function expectsWakeUpsAgain(
  wake: Wake,
  proxy: TcpProxy,
  withSender: (work: (sender: Wake) => Promise<void>) => Promise<void>,
): Promise<void> {
  const heard: string[] = []
  wake.subscribe('outbox', (detail) => heard.push(detail))
  const isHeard = (sender: Wake, detail: string) =>
    expect
      .poll(() => {
        sender.wake('outbox', detail)
        return heard.includes(detail)
      }, patience)
      .toBe(true)
  await withSender(async (sender) => {
    await isHeard(sender, 'before')
    proxy.swallow()
    // Longer than the interval of the probes with their bound: the connection was given up meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    await proxy.restore()
    await isHeard(sender, 'after')
  })
  await wake.close()
}
