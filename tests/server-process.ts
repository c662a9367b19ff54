import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../packages/server/src/testing/free-port.ts'

// As `npm start` sets it.
const compileCache = fileURLToPath(new URL('../.cache/compile', import.meta.url))
const program = fileURLToPath(new URL('../packages/server/src/processes/all-in-one.ts', import.meta.url))

export interface FirstRun {
  readonly url: string
  readonly email: string
  readonly password: string
  readonly orgId: string
  readonly appId: string
  readonly apiKey: string
  readonly agentId: string
}

/** An instance of the product as a user runs it: a real process with its own data directory. */
export interface Instance {
  readonly url: string
  readonly dataDir: string
  readonly output: () => string
  /** Undefined while the process does not run. */
  readonly pid: () => number | undefined
  start(): Promise<FirstRun>
  /** Sends SIGKILL; resolves when the process has exited. */
  kill(): Promise<void>
  /** Sends SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  remove(): Promise<void>
}

/** An instance with its own data directory, or another node with a shared one. */
export async function createInstance(
  environment: Record<string, string> = {},
  shared?: { dataDir: string },
): Promise<Instance> {
  const dataDir = shared?.dataDir ?? (await mkdtemp(join(tmpdir(), 'appstrate-instance-')))
  const port = await freePort()
  const url = `http://localhost:${port}`
  let child: ChildProcess | undefined
  let output = ''
  const stop: Instance['stop'] = async () => {
    if (child === undefined || hasEnded(child)) return null
    const exit = gone(child)
    child.kill('SIGTERM')
    return exit
  }
  const gone = (process: ChildProcess) => new Promise<number | null>((resolve) => process.once('exit', resolve))
  return {
    url,
    dataDir,
    output: () => output,
    pid: () => (child === undefined || hasEnded(child) ? undefined : child.pid),
    async start() {
      output = ''
      const env = {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: compileCache,
        DATA_DIR: dataDir,
        PORT: String(port),
        LOG_LEVEL: 'info',
        RATE_LIMIT_RUNS: '100000',
        RATE_LIMIT_CREATE: '100000',
        RATE_LIMIT_DEFAULT: '100000',
        DRAIN_SECONDS: '0',
        ...environment,
      }
      const started = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      child = started
      started.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      started.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await isReady(url, started, { output: () => output, demoIsOff: environment['DEMO'] === 'off' })
      return JSON.parse(await readFile(join(dataDir, 'first-run.json'), 'utf8'))
    },
    async kill() {
      if (child === undefined || hasEnded(child)) return
      const exit = gone(child)
      child.kill('SIGKILL')
      await exit
    },
    stop,
    async remove() {
      await stop()
      if (shared === undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

async function isReady(
  url: string,
  child: ChildProcess,
  { output, demoIsOff }: { output: () => string; demoIsOff: boolean },
): Promise<void> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const response = await fetch(`${url}/ready`).catch(() => undefined)
    if (response?.ok === true && (demoIsOff || output().includes('Appstrate is ready'))) return
    if (hasEnded(child)) throw new Error(`The server ended with ${child.exitCode ?? child.signalCode}: ${output()}`)
    if (Date.now() > deadline) throw new Error(`The server was not ready in time: ${output()}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
