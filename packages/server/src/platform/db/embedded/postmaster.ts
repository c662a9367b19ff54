import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { EmbeddedPostgresUnavailable, failedProgram } from './embedded-postgres-unavailable.ts'
import type { ClusterSite } from './initialize-cluster.ts'
import { launch, launchFailure } from './launcher.ts'
import { forwardTo, parseServerLine, type EmbeddedLog } from './server-log.ts'

export interface Postmaster {
  readonly pid: number
  /** Resolves when it has ended, for any reason. */
  readonly ended: Promise<unknown>
  /** Resolves with the reason when it ends without `stop`. */
  readonly exited: Promise<string>
  /** Ends every session and stops: fast shutdown, after 5 s immediate shutdown, after 12 s SIGKILL. Idempotent. */
  stop(): Promise<void>
}

export interface PostmasterOptions extends ClusterSite {
  readonly dataDir: string
  readonly serverArguments: readonly string[]
  readonly log: EmbeddedLog
}

/** Another PostgreSQL still uses the cluster. */
export class ClusterInUse extends EmbeddedPostgresUnavailable {}

// Long enough to replay the WAL up to max_wal_size on a slow disk.
const readyWithinMs = 60_000
const quitAfterMs = 5_000
const killAfterMs = 12_000
const lockFileExists = 'F0001'

/** Starts PostgreSQL; resolves when it accepts connections. Throws EmbeddedPostgresUnavailable or ClusterInUse. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { launcher, binaries, clusterDir, serverArguments } = options
  const child = launch(launcher, {
    file: binaries.postgres,
    args: ['-D', clusterDir, ...serverArguments],
    orphanSignal: 'INT',
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  let isStopping = false
  const stop = (): Promise<void> => {
    if (!isStopping) void ended.then(endWithSignals(child))
    isStopping = true
    return ended.then(() => undefined)
  }
  const exited = new Promise<string>((resolve) => {
    void ended.then((how) => {
      if (!isStopping) resolve(`The embedded PostgreSQL ended unexpectedly (${how}).`)
    })
  })
  try {
    await acceptsConnections(child, options, ended)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid ?? 0, ended, exited, stop }
}

/** Sends the first signal and schedules the next ones; the returned function cancels them. */
function endWithSignals(child: ChildProcess): () => void {
  child.kill('SIGINT')
  const timers = [
    setTimeout(() => child.kill('SIGQUIT'), quitAfterMs),
    setTimeout(() => child.kill('SIGKILL'), killAfterMs),
  ]
  return () => timers.forEach((timer) => clearTimeout(timer))
}

async function acceptsConnections(
  child: ChildProcess,
  options: PostmasterOptions,
  ended: Promise<string>,
): Promise<void> {
  const said: string[] = []
  const forward = forwardTo(options.log)
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new EmbeddedPostgresUnavailable(`The embedded PostgreSQL was not ready within ${readyWithinMs / 1_000} s`))
    }, readyWithinMs)
    let isReady = false
    const lines = child.stderr === null ? undefined : createInterface(child.stderr)
    lines?.on('line', (line) => {
      if (isReady) return forward(line)
      said.push(line)
      if (!line.includes('ready to accept connections')) return
      isReady = true
      clearTimeout(timer)
      said.splice(0).forEach(forward)
      resolve()
    })
    const drained = new Promise<void>((done) => lines?.once('close', done))
    void ended.then(async (how) => {
      clearTimeout(timer)
      // Remaining backends may keep the pipe open, but the postmaster's own output arrives immediately.
      await Promise.race([drained, new Promise((done) => setTimeout(done, 200))])
      if (!isReady) reject(startFailure(options, said, how))
    })
  })
}

function startFailure(options: PostmasterOptions, said: readonly string[], how: string): EmbeddedPostgresUnavailable {
  const messages = said.flatMap((line) => parseServerLine(line) ?? [])
  const fatal = messages.find(({ severity }) => severity === 'FATAL' || severity === 'PANIC')
  if (fatal?.sqlState === lockFileExists)
    return new ClusterInUse(`Another PostgreSQL uses ${options.clusterDir} (${fatal.text})`)
  if (messages.length === 0) return launchFailure(options.launcher, said.join(' ').trim() || how)
  const reason = fatal?.text ?? messages.find(({ severity }) => severity === 'ERROR')?.text ?? how
  return failedProgram('The embedded PostgreSQL did not start', reason, options.dataDir)
}
