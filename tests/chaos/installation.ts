import { readFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { cloneDatabase } from '../../packages/server/src/testing/test-database.ts'
import { startTcpProxy, type TcpProxy } from '../faults/tcp-proxy.ts'
import { createInstance, type FirstRun, type Instance } from '../server-process.ts'
import type { Tier } from './plan.ts'

/** A server process, and the proxy through which clients reach it. */
export interface Node {
  readonly instance: Instance
  readonly edge: TcpProxy
  /** By way of the proxy. */
  readonly url: string
}

/** The server processes of one installation, and access to its database. */
export interface Installation {
  readonly tier: Tier
  readonly firstRun: FirstRun
  readonly nodes: readonly Node[]
  /** Between the nodes and the services; undefined on the embedded tier. */
  readonly database: TcpProxy | undefined
  readonly redis: TcpProxy | undefined
  /** Runs a statement past the proxy; retries while the database is unavailable. */
  query<T>(text: string, values?: readonly unknown[]): Promise<T[]>
  /** A connection of its own, past the proxy. */
  connect(): Promise<pg.Client>
  /** The process of the embedded database. */
  databasePid(): Promise<number>
  output(): string
  /** Stops the nodes with SIGTERM; returns their exit codes, and the temporary files that they have left. */
  stop(): Promise<{ exitCodes: (number | null)[]; leftovers: string[] }>
  remove(): Promise<void>
}

const environment = {
  ALLOW_PRIVATE_ADDRESSES: 'true',
  LOG_LEVEL: 'warn',
  DRAIN_SECONDS: '1',
}

/** Starts the nodes of a tier. The services are those that the environment names. */
export async function startInstallation(tier: Tier): Promise<Installation> {
  const temporaryDir = await mkdtemp(join(tmpdir(), 'chaos-'))
  const shared = { ...environment, TMPDIR: temporaryDir }
  return tier === 'embedded' ? startAlone(shared, temporaryDir) : startTwo(shared, temporaryDir)
}

async function startAlone(shared: Record<string, string>, temporaryDir: string): Promise<Installation> {
  const instance = await createInstance(shared)
  const firstRun = await instance.start()
  return installationOf({
    tier: 'embedded',
    firstRun,
    temporaryDir,
    nodes: [await withEdge(instance)],
    address: () => embeddedAddress(instance.dataDir),
    removeServices: async () => undefined,
  })
}

async function startTwo(shared: Record<string, string>, temporaryDir: string): Promise<Installation> {
  const testDatabase = await cloneDatabase()
  const database = await startTcpProxy(testDatabase.connectionString)
  const redisUrl = inject('redisUrl')
  if (redisUrl === null) throw new Error('TEST_REDIS_URL is missing.')
  const redis = await startTcpProxy(redisUrl)
  const services = {
    ...shared,
    DATABASE_URL: database.through(testDatabase.connectionString),
    REDIS_URL: `${redis.through(redisUrl)}?keyPrefix=chaos-${process.pid}:`,
    ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
    AUTH_SECRET: 'the same secret on every node, 32+',
  }
  const first = await createInstance({ ...services, DEMO: 'on' })
  const firstRun = await first.start()
  const second = await createInstance({ ...services, DEMO: 'off' }, { dataDir: first.dataDir })
  await second.start()
  return installationOf({
    tier: 'services',
    firstRun,
    temporaryDir,
    // The data directory belongs to the first, which is removed last.
    nodes: [await withEdge(second), await withEdge(first)],
    database,
    redis,
    address: async () => testDatabase.connectionString,
    async removeServices() {
      await database.close()
      await redis.close()
      await testDatabase.drop()
    },
  })
}

async function withEdge(instance: Instance): Promise<Node> {
  const edge = await startTcpProxy(instance.url)
  return { instance, edge, url: edge.through(instance.url).replace(/\/$/, '') }
}

interface Parts extends Pick<Installation, 'tier' | 'firstRun' | 'nodes'> {
  readonly temporaryDir: string
  readonly database?: TcpProxy
  readonly redis?: TcpProxy
  address(): Promise<string>
  removeServices(): Promise<void>
}

function installationOf({ tier, firstRun, nodes, temporaryDir, database, redis, ...parts }: Parts): Installation {
  let client: pg.Client | undefined
  const connect = async () => openConnection(await parts.address())
  const query: Installation['query'] = async (text, values = []) => {
    for (const deadline = Date.now() + 60_000; ; ) {
      try {
        client ??= await connect()
        return (await client.query(text, [...values])).rows
      } catch (error) {
        if (!isOutage(error) || Date.now() > deadline) throw error
        await client?.end().catch(() => undefined)
        client = undefined
        await sleep(100)
      }
    }
  }
  const dataDir = nodes.at(-1)?.instance.dataDir ?? ''
  return {
    tier,
    firstRun,
    nodes,
    database,
    redis,
    query,
    connect,
    databasePid: async () => Number((await readFile(pidFile(dataDir), 'utf8')).split('\n')[0]),
    output: () => nodes.map(({ instance }) => instance.output()).join('\n'),
    async stop() {
      await client?.end().catch(() => undefined)
      client = undefined
      const exitCodes = await Promise.all(nodes.map(({ instance }) => instance.stop()))
      // A process leaves an empty directory with its name, which the next one removes.
      const named = (await list(join(dataDir, 'temporary'))).filter((path) => path.includes('/'))
      return { exitCodes, leftovers: [...(await list(temporaryDir)), ...named] }
    },
    async remove() {
      await client?.end().catch(() => undefined)
      for (const { instance, edge } of nodes) {
        await instance.remove()
        await edge.close()
      }
      await parts.removeServices()
      await rm(temporaryDir, { recursive: true, force: true })
    },
  }
}

const list = (dir: string) => readdir(dir, { recursive: true }).catch(() => [])

async function openConnection(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000, application_name: 'chaos' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

// The error codes of a database that stops or starts are retried; a faulty statement has a code of another class.
function isOutage(error: unknown): boolean {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code !== 'string' || code.startsWith('E') || !/^[0-9A-Z]{5}$/.test(code) || /^(57|08|40)/.test(code)
}

const pidFile = (dataDir: string) => join(dataDir, 'postgres/postmaster.pid')

/** The address of the embedded database, from its server's pid file. */
async function embeddedAddress(dataDir: string): Promise<string> {
  const lines = (await readFile(pidFile(dataDir), 'utf8')).split('\n')
  const [port = '', socketDir = ''] = lines.slice(3, 5)
  const password = (await readFile(join(dataDir, 'postgres.password'), 'utf8')).trim()
  return `postgres://appstrate:${password}@localhost:${port}/postgres?host=${encodeURIComponent(socketDir)}`
}
