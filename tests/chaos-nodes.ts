import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { cloneDatabase } from '../packages/server/src/testing/test-database.ts'
import { createInstance, type FirstRun, type Instance } from './server-process.ts'

/** The server processes of one installation, and access to its database. */
export interface Nodes {
  readonly firstRun: FirstRun
  /** The URL of the next node, in turn; it may be restarting. */
  readonly url: () => string
  /** Kills a random node and starts it again. */
  killOne(): Promise<void>
  /** Runs a statement; retries while the database is unavailable. */
  query<T>(text: string, values?: readonly unknown[]): Promise<T[]>
  output(): string
  remove(): Promise<void>
}

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true', LOG_LEVEL: 'warn' }

/** Starts two nodes if TEST_DATABASE_URL names a database server, else one node with its embedded database. */
export async function startNodes(): Promise<Nodes> {
  return process.env['TEST_DATABASE_URL'] === undefined ? startAlone() : startTwo()
}

async function startAlone(): Promise<Nodes> {
  const instance = await createInstance(environment)
  const firstRun = await instance.start()
  return nodesOf([instance], firstRun, {
    connection: () => embeddedAddress(instance.dataDir),
    drop: async () => undefined,
  })
}

async function startTwo(): Promise<Nodes> {
  const database = await cloneDatabase()
  const redisUrl = inject('redisUrl')
  const shared = {
    ...environment,
    DATABASE_URL: database.connectionString,
    ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
    AUTH_SECRET: 'the same secret on every node, 32+',
    ...(redisUrl === null ? {} : { REDIS_URL: `${redisUrl}?keyPrefix=chaos-${process.pid}:` }),
  }
  const first = await createInstance({ ...shared, DEMO: 'on' })
  const firstRun = await first.start()
  const second = await createInstance({ ...shared, DEMO: 'off' }, { dataDir: first.dataDir })
  await second.start()
  return nodesOf([second, first], firstRun, {
    connection: async () => database.connectionString,
    drop: () => database.drop(),
  })
}

interface Where {
  connection(): Promise<string>
  drop(): Promise<void>
}

function nodesOf(instances: readonly Instance[], firstRun: FirstRun, { connection, drop }: Where): Nodes {
  let client: pg.Client | undefined
  const query: Nodes['query'] = async (text, values = []) => {
    for (const deadline = Date.now() + 60_000; ; ) {
      try {
        client ??= await connect(await connection())
        return (await client.query(text, [...values])).rows
      } catch (error) {
        if (!isOutage(error) || Date.now() > deadline) throw error
        await client?.end().catch(() => undefined)
        client = undefined
        await sleep(100)
      }
    }
  }
  let turn = 0
  return {
    firstRun,
    url: () => instances[(turn += 1) % instances.length]?.url ?? firstRun.url,
    async killOne() {
      const victim = instances[Math.floor(Math.random() * instances.length)]
      await victim?.kill()
      await sleep(Math.random() * 500)
      await victim?.start()
    },
    query,
    output: () => instances.map((instance) => instance.output()).join('\n'),
    async remove() {
      await client?.end().catch(() => undefined)
      for (const instance of instances) await instance.remove()
      await drop()
    },
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

// The error codes of a database that stops or starts are retried; a faulty statement has a code of another class.
function isOutage(error: unknown): boolean {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code !== 'string' || code.startsWith('E') || !/^[0-9A-Z]{5}$/.test(code) || /^(57|08|40)/.test(code)
}

/** The address of the embedded database, from its server's pid file. */
async function embeddedAddress(dataDir: string): Promise<string> {
  const lines = (await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')
  const [port = '', socketDir = ''] = lines.slice(3, 5)
  const password = (await readFile(join(dataDir, 'postgres.password'), 'utf8')).trim()
  return `postgres://appstrate:${password}@localhost:${port}/postgres?host=${encodeURIComponent(socketDir)}`
}
