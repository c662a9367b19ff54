import pg from 'pg'
import { inject } from 'vitest'
import { cloneDatabase } from '../../packages/server/src/testing/test-database.ts'
import { createClient, type Client } from '../client.ts'
import { createInstance, type FirstRun } from '../server-process.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** A real server process that reaches PostgreSQL and Redis only through proxies. */
export interface FaultyInstance {
  readonly url: string
  readonly firstRun: FirstRun
  readonly client: Client
  readonly database: TcpProxy
  readonly redis: TcpProxy
  /** A connection to the server's database, past the proxy. */
  readonly direct: pg.Client
  /** What the server logged, by line. */
  log(): Record<string, unknown>[]
  remove(): Promise<void>
}

/** Starts the server with the demo agent. Needs TEST_DATABASE_URL and TEST_REDIS_URL. */
export async function startFaultyInstance(): Promise<FaultyInstance> {
  const redisUrl = inject('redisUrl')
  if (redisUrl === null) throw new Error('TEST_REDIS_URL is missing.')
  const testDatabase = await cloneDatabase()
  const database = await startTcpProxy(testDatabase.connectionString)
  const redis = await startTcpProxy(redisUrl)
  const instance = await createInstance({
    DATABASE_URL: database.through(testDatabase.connectionString),
    REDIS_URL: `${redis.through(redisUrl)}?keyPrefix=faults-${process.pid}:`,
    ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
    AUTH_SECRET: 'the same secret on every node, 32+',
    DEMO: 'on',
    WEBHOOKS_ALLOW_LOCAL: 'on',
  })
  const firstRun = await instance.start()
  const direct = new pg.Client({ connectionString: testDatabase.connectionString })
  direct.on('error', () => undefined)
  await direct.connect()
  return {
    url: instance.url,
    firstRun,
    client: createClient(instance.url, firstRun),
    database,
    redis,
    direct,
    log: () =>
      instance
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map(readLine),
    async remove() {
      await direct.end()
      await instance.remove()
      await database.close()
      await redis.close()
      await testDatabase.drop()
    },
  }
}

// The last line may be cut.
function readLine(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
