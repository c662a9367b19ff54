import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { vi } from 'vitest'
import { findClusterProcesses } from '../cluster-processes.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../start-embedded-postgres.ts'

/** The user that runs the server. As root, the suite also runs everything as an ordinary user. */
export interface Identity {
  readonly name: string
  readonly uid: number
  readonly prefix: readonly string[]
}

export interface ServerEvent {
  readonly begun?: true
  readonly ready?: {
    pid: number
    socketDir: string
    port: number
    user: string
    password: string
    database: string
  }
  readonly failed?: { name: string; message: string }
  readonly exited?: string
  readonly stopped?: true
  readonly log?: string
  readonly text?: string
}

export interface ServerProcess {
  readonly pid: number
  readonly events: readonly ServerEvent[]
  event(kind: keyof ServerEvent): Promise<ServerEvent>
  ready(): Promise<NonNullable<ServerEvent['ready']>>
  failure(): Promise<NonNullable<ServerEvent['failed']>>
  query(sql: string): Promise<Record<string, unknown>[]>
  connect(): Promise<pg.Client>
  kill(signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly dataDir: string
  readonly identity: Identity
  /** A program and its arguments that start the server, such as one that sets limits. */
  readonly wrapper?: readonly string[]
  readonly settings?: Record<string, string>
  readonly env?: Record<string, string>
}

// Generous, because a dozen processes may start at the same time on a busy machine; normally nothing takes this long.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const nobody = 65_534
const program = fileURLToPath(new URL('embedded-server-process.ts', import.meta.url))
// Each server starts in a third less time.
const compileCache = process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'node-compile-cache')
const directories: string[] = []
const dataDirs: string[] = []
const servers: ServerProcess[] = []

export const isRoot = process.geteuid?.() === 0
export const self: Identity = { name: isRoot ? 'root' : 'an ordinary user', uid: process.geteuid?.() ?? 0, prefix: [] }
export const identities: readonly Identity[] = isRoot ? [self, userWithId('an ordinary user', nobody)] : [self]

export function userWithId(name: string, uid: number): Identity {
  return { name, uid, prefix: ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'] }
}

export function temporaryDirectory(identity: Identity): string {
  const path = mkdtempSync(join(tmpdir(), 'epg-test-'))
  directories.push(path)
  if (identity.uid !== self.uid) chownSync(path, identity.uid, identity.uid)
  return path
}

export function run(identity: Identity, ...command: string[]): void {
  const [file = '', ...args] = [...identity.prefix, ...command]
  const { status, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
}

export function startServer({
  dataDir,
  identity,
  wrapper = [],
  settings = {},
  env = {},
}: ServerOptions): ServerProcess {
  const command = [...identity.prefix, ...wrapper, process.execPath, program, dataDir, JSON.stringify(settings)]
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    cwd: '/',
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...env },
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const events: ServerEvent[] = []
  createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line)))
  const event = (kind: keyof ServerEvent): Promise<ServerEvent> =>
    until(
      `${kind} of a server process`,
      () => events.find((candidate) => candidate[kind] !== undefined),
      () => JSON.stringify(events),
    )
  const ready = async (): Promise<NonNullable<ServerEvent['ready']>> => {
    const outcome = await until('a start', () => events.find((candidate) => candidate.ready ?? candidate.failed))
    if (outcome.ready === undefined) throw new Error(outcome.failed?.message)
    return outcome.ready
  }
  const connect = async (): Promise<pg.Client> => connectTo(await ready())
  const server: ServerProcess = {
    pid: child.pid ?? 0,
    events,
    event,
    ready,
    connect,
    failure: async () => (await event('failed')).failed ?? { name: '', message: '' },
    query: async (sql) => {
      const client = await connect()
      try {
        const { rows } = await client.query<Record<string, unknown>>(sql)
        return rows
      } finally {
        await client.end()
      }
    },
    kill: async (signal) => {
      child.kill(signal)
      await gone
    },
    stop: async () => {
      child.stdin.end()
      await gone
    },
  }
  servers.push(server)
  dataDirs.push(dataDir)
  return server
}

export async function connectTo(address: Omit<NonNullable<ServerEvent['ready']>, 'pid'>): Promise<pg.Client> {
  const client = new pg.Client({
    host: address.socketDir,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
  })
  // The tests end sessions on purpose.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Polls until `probe` returns a value, for at most 30 s. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false,
  details = (): string => '',
): Promise<T> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const found = probe()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`Timed out waiting for ${what}. ${details()}`)
    await sleep(5)
  }
}

/** Whether a process runs. False for a zombie, which its new parent may reap only after seconds. */
export function isRunning(pid: number): boolean {
  try {
    return /^State:\s+[^ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Starts it in the test's own process, for tests that do not kill it. */
export async function startHere(
  dataDir: string,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres & { messages: string[] }> {
  dataDirs.push(dataDir)
  const messages: string[] = []
  const at = (level: string) => (_: unknown, text?: string) => void messages.push(`${level}: ${text}`)
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return Object.assign(await startEmbeddedPostgres({ dataDir, log, settings }), { messages })
}

/** A data directory with a cleanly stopped cluster, which each test copies. */
export async function createTemplate(identity: Identity): Promise<string> {
  const dataDir = temporaryDirectory(identity)
  const server = startServer({ dataDir, identity })
  await server.query('create table kept (value text)')
  await server.stop()
  return dataDir
}

export function copyOf(template: string, identity: Identity): string {
  const dataDir = temporaryDirectory(identity)
  run(identity, 'cp', '-a', join(template, 'postgres'), join(template, 'postgres.password'), dataDir)
  return dataDir
}

export function clusterProcesses(dataDir: string): number[] {
  const clusterDir = join(dataDir, 'postgres')
  return existsSync(clusterDir) ? findClusterProcesses(clusterDir) : []
}

/** Kills the servers of the test file, checks that none of their PostgreSQL processes remain, and removes their
directories. */
export async function cleanUp(): Promise<void> {
  await Promise.all(servers.map((server) => server.kill('SIGKILL')))
  for (const dataDir of dataDirs) {
    // A process that a failed test left suspended would not end by itself.
    spawnSync('kill', ['-CONT', ...clusterProcesses(dataDir).map(String)])
    await until(`the end of PostgreSQL in ${dataDir}`, () => clusterProcesses(dataDir).length === 0)
  }
  for (const path of directories) await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
