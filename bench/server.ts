import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { freePort, inRepository, nextMessage, stopChild } from './processes.ts'

const Credentials = Type.Object({
  url: Type.String(),
  email: Type.String(),
  password: Type.String(),
  orgId: Type.String(),
  appId: Type.String(),
  apiKey: Type.String(),
  agentId: Type.String(),
})
export type Credentials = Static<typeof Credentials>

const Memory = Type.Object({ rss: Type.Number(), heapUsed: Type.Number(), external: Type.Number() })
export type Memory = Static<typeof Memory>

/** A server as it is deployed: a separate process, with high rate limits. */
export interface Server {
  readonly url: string
  readonly pid: number
  readonly credentials: Credentials
  /** Memory after a full garbage collection. */
  memory(): Promise<Memory>
  stop(): Promise<void>
}

const program = inRepository('packages/server/src/processes/all-in-one.ts')
const readyMs = 40_000

/** A directory for one benchmark's data. */
export async function makeDataDir(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'appstrate-bench-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }) }
}

/** Starts the process; resolves when `/ready` answers 200, with the time that it took in milliseconds. */
export async function bootServer(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ child: ChildProcess; url: string; bootMs: number }> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const limits = {
    RATE_LIMIT_RUNS: '1000000',
    QUOTA_UNFINISHED_RUNS: 'unlimited',
    RATE_LIMIT_CREATE: '1000000',
    RATE_LIMIT_DEFAULT: '1000000',
    STREAMS_PER_CALLER: '100000',
    STREAMS_PER_ORGANIZATION: '100000',
  }
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: inRepository('.cache/compile'),
    DATA_DIR: dataDir,
    PORT: String(port),
    ...limits,
    ...environment,
  }
  const execArgv = [
    '--expose-gc',
    `--import=${new URL('memory-probe.ts', import.meta.url).href}`,
    ...profilerArguments(),
  ]
  const startedMs = performance.now()
  const child = fork(program, [], { env, execArgv, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  // The log is written and read as in production, so that its cost is measured too.
  child.stdout?.resume()
  const deadline = Date.now() + readyMs
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}.`)
    if (Date.now() > deadline) throw new Error('The server was not ready in time.')
    await sleep(5)
  }
  return { child, url, bootMs: performance.now() - startedMs }
}

/** Starts a server with the owner, application and API key of its first run. */
export async function startServer(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const { child, url } = await bootServer(dataDir, environment)
  return {
    url,
    pid: child.pid ?? 0,
    credentials: await readCredentials(dataDir, url),
    async memory() {
      const message = nextMessage(child)
      child.send('memory')
      return Value.Parse(Memory, await message)
    },
    stop: () => stopChild(child),
  }
}

// The first run is created after the server is ready, and its file is written just before the commit.
async function readCredentials(dataDir: string, url: string): Promise<Credentials> {
  for (const deadline = Date.now() + readyMs; Date.now() < deadline; await sleep(20)) {
    const text = await readFile(join(dataDir, 'first-run.json'), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const credentials = Value.Parse(Credentials, JSON.parse(text))
    const answer = await fetch(`${url}/api/agents`, {
      headers: { authorization: `Bearer ${credentials.apiKey}`, 'x-app-id': credentials.appId },
    })
    await answer.arrayBuffer()
    if (answer.ok) return credentials
  }
  throw new Error('The first run was not created in time.')
}

function isReady(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${url}/ready`, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

// `BENCH_PROFILE=<directory>` keeps a CPU profile of each server.
function profilerArguments(): string[] {
  const directory = process.env['BENCH_PROFILE']
  return directory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${directory}`]
}
