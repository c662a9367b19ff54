import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newUuid } from '../ids/id.ts'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { openDatabase, type Database } from '../db/database.ts'
import { createLog } from '../log/log.ts'
import { openRedis } from '../redis/redis.ts'
import { hasRedisServer, startRedisServer, type RedisServer } from '../redis/testing/redis-server.ts'
import { createLocalWake } from './local-wake.ts'
import { createPostgresWake } from './postgres-wake.ts'
import { createRedisWake } from './redis-wake.ts'
import type { Wake } from './wake.ts'

const log = createLog('silent')
/** The longest wait on a busy machine. */
const patience = { timeout: 15_000 }

/** Two nodes of one instance. */
interface Nodes {
  readonly here: Wake
  readonly there: Wake
  /** Breaks the connections of both nodes. */
  interrupt(): Promise<void>
  close(): Promise<void>
}

function heard(wake: Wake): string[] {
  const details: string[] = []
  wake.subscribe('events', (detail) => details.push(detail))
  return details
}

describe('wake-ups within a process', () => {
  it('reach every subscriber of the topic at once, until it unsubscribes', () => {
    const wake = createLocalWake(log)
    const [first, second] = [heard(wake), heard(wake)]
    const third: string[] = []
    const unsubscribe = wake.subscribe('events', (detail) => third.push(detail))
    wake.wake('events', 'a')
    unsubscribe()
    wake.wake('events', 'b')
    wake.wake('runs', 'c')
    expect([first, second, third]).toEqual([['a', 'b'], ['a', 'b'], ['a']])
  })

  it('do not throw, and reach the other listeners, when a listener fails', () => {
    const lines: string[] = []
    const wake = createLocalWake(createLog('error', { write: (line) => void lines.push(line) }))
    wake.subscribe('events', () => {
      throw new Error('the listener is broken')
    })
    const after = heard(wake)
    wake.wake('events', 'a')
    expect(after).toEqual(['a'])
    expect(lines.join('')).toContain('the listener is broken')
  })
})

// Both transports between nodes have the same contract.
describe.each([
  ['PostgreSQL', openPostgresNodes, true],
  ['Redis', openRedisNodes, hasRedisServer],
] as const)('wake-ups between nodes over %s', (_name, open, isAvailable) => {
  describe.runIf(isAvailable)('conformance', () => keepItsPromises(open))
})

function keepItsPromises(open: () => Promise<Nodes>): void {
  let nodes: Nodes
  beforeAll(async () => {
    nodes = await open()
  })
  afterAll(() => nodes.close())

  it('arrive at once on their own node, soon on the other, and once on each', async () => {
    const [home, away] = [heard(nodes.here), heard(nodes.there)]
    nodes.here.wake('events', 'run 1')
    expect(home).toEqual(['run 1'])
    await expect.poll(() => away, patience).toEqual(['run 1'])
    nodes.there.wake('events', 'run 2')
    await expect.poll(() => home, patience).toEqual(['run 1', 'run 2'])
    expect(away).toEqual(['run 1', 'run 2'])
  })

  it('are coalesced: a hundred equal ones reach the other node as one', async () => {
    const away = heard(nodes.there)
    for (let call = 0; call < 100; call++) nodes.here.wake('events', 'same')
    nodes.here.wake('events', 'last')
    await expect.poll(() => away, patience).toEqual(['same', 'last'])
  })

  it('become one wake-up for everything when they do not fit a message', async () => {
    const away = heard(nodes.there)
    for (let call = 0; call < 1_000; call++) nodes.here.wake('events', newUuid())
    await expect.poll(() => away, patience).toEqual(['*'])
  })

  it('arrive again after a lost connection, which wakes all listeners for missed ones', async () => {
    const away = heard(nodes.there)
    await nodes.interrupt()
    await expect.poll(() => away, patience).toContain('*')
    await expect
      .poll(() => {
        nodes.here.wake('events', 'again')
        return away
      }, patience)
      .toContain('again')
  })

  it('that are pending when a node stops are still sent', async () => {
    const away = heard(nodes.there)
    nodes.here.wake('events', 'goodbye')
    await nodes.here.close()
    await expect.poll(() => away, patience).toContain('goodbye')
  })
}

async function openPostgresNodes(): Promise<Nodes> {
  const testDatabase: TestDatabase = await cloneDatabase()
  const databases = [
    openDatabase(testDatabase.address, { connectionsMax: 3, log }),
    openDatabase(testDatabase.address, { connectionsMax: 3, log }),
  ] as const
  const [here, there] = [
    await createPostgresWake(databases[0].pool, log),
    await createPostgresWake(databases[1].pool, log),
  ]
  return {
    here,
    there,
    async interrupt() {
      const text = `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`
      await databases[0].pool.query(text)
    },
    async close() {
      await here.close()
      await there.close()
      await Promise.all(databases.map((database: Database) => database.close()))
      await testDatabase.drop()
    },
  }
}

async function openRedisNodes(): Promise<Nodes> {
  const server: RedisServer = await startRedisServer()
  const connections = [openRedis(server.url, log), openRedis(server.url, log)] as const
  for (const redis of connections)
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve))
  const [here, there] = [await createRedisWake(connections[0], log), await createRedisWake(connections[1], log)]
  await server.ask(async (redis) => {
    while (String((await redis.pubsub('NUMSUB', 'appstrate:wake'))[1]) !== '2')
      await new Promise((resolve) => setTimeout(resolve, 10))
  })
  return {
    here,
    there,
    async interrupt() {
      await server.kill()
      await server.start()
    },
    async close() {
      await there.close()
      for (const redis of connections) redis.disconnect()
      await server.close()
    },
  }
}

describe('an unreadable message', () => {
  let nodes: Nodes
  let testDatabase: TestDatabase
  let database: Database
  beforeEach(async () => {
    testDatabase = await cloneDatabase()
    database = openDatabase(testDatabase.address, { connectionsMax: 3, log })
    const here = await createPostgresWake(database.pool, log)
    nodes = { here, there: here, interrupt: async () => undefined, close: () => here.close() }
  })
  afterEach(async () => {
    await nodes.close()
    await database.close()
    await testDatabase.drop()
  })

  it('is ignored', async () => {
    const home = heard(nodes.here)
    for (const text of [
      '',
      'nonsense',
      '[]',
      '{}',
      '["x",[["unknown","y"],["events",7],"events"]]',
      '["x",[["events","good"]]]',
    ]) {
      await database.pool.query('select pg_notify($1, $2)', ['appstrate_wake', text])
    }
    await expect.poll(() => home, patience).toEqual(['good'])
  })
})
