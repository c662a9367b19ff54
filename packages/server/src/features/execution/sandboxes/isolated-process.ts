import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { sleep } from '../../../platform/concurrency/sleep.ts'
import { OutputCapture } from './output-capture.ts'
import type { Pipe, PipePool } from './pipe-pool.ts'
import { killNamespaceOf } from './process-tree.ts'
import { SandboxError, type ExecRequest, type ExecResult } from './sandbox.ts'
import { environment } from './view/system-view.ts'
import { watchUsage, type UsageWatch } from './usage/usage-watch.ts'

export interface IsolatedRun {
  readonly launch: { readonly argv: readonly string[]; readonly data: readonly Buffer[] }
  readonly request: ExecRequest
  readonly watch: Omit<UsageWatch, 'launcher' | 'signal'>
  readonly pipes: PipePool
}

interface Streams {
  readonly stdout: CapturedStream
  readonly stderr: CapturedStream
  readonly status: CapturedStream
  /** The file descriptors of the child, by number. */
  readonly inherited: (number | 'ignore')[]
}

interface CapturedStream {
  readonly capture: OutputCapture
  readonly ended: Promise<unknown>
}

// Output beyond the limit is drained slowly: a flood must not keep the server's event loop busy.
const drainBytesPerMs = 50_000
const delayMsMax = 2 ** 31 - 1
const statusBytesMax = 1024
// Without cgroups: lets the server run before the agent's programs.
const niceness = 5

/** Runs a self-isolating command until all its processes are dead. Throws SandboxError if the program did not start. */
export async function runIsolated(run: IsolatedRun): Promise<ExecResult> {
  const startedAt = performance.now()
  const { child, reason, streams } = await runToItsEnd(run)
  if (reason === 'exited') assertStarted(streams)
  return {
    ...exitOf(child, reason),
    ...outputOf(streams),
    reason,
    durationMs: Math.round(performance.now() - startedAt),
  }
}

async function runToItsEnd(
  run: IsolatedRun,
): Promise<{ child: ChildProcess; reason: ExecResult['reason']; streams: Streams }> {
  const pipes = await run.pipes.acquire(3 + run.launch.data.length)
  try {
    const streams = await openStreams(pipes, run)
    const child = start(run, streams.inherited)
    const reason = await superviseUntil(once(child, 'exit'), child, run)
    await Promise.all([streams.stdout.ended, streams.stderr.ended, streams.status.ended])
    run.pipes.release(pipes)
    return { child, reason, streams }
  } catch (error) {
    run.pipes.discard(pipes)
    throw new SandboxError(
      `the sandbox could not be started: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}

function start({ launch, watch }: IsolatedRun, stdio: (number | 'ignore')[]): ChildProcess {
  const [program = '', ...rest] = launch.argv
  try {
    // A session of its own: no access to the server's terminal, and no Ctrl-C that is meant for the server.
    const child = spawn(program, rest, { cwd: watch.workspaceDir, env: { ...environment }, stdio, detached: true })
    if (child.pid !== undefined && !watch.memoryIsAccounted) yieldToServer(child.pid)
    return child
  } finally {
    for (const fd of stdio) if (fd !== 'ignore') closeSync(fd)
  }
}

function yieldToServer(pid: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // The process has already ended; its exit code gives the reason.
  }
}

/** Waits for the end, a timeout, an abort or an exceeded limit, and resolves once the process tree is dead. */
async function superviseUntil(
  exited: Promise<unknown>,
  child: ChildProcess,
  run: IsolatedRun,
): Promise<ExecResult['reason']> {
  const { request, watch } = run
  const over = new AbortController()
  const pid = child.pid
  // Without a pid the spawn failed, and `exited` rejects with the cause.
  const excess =
    pid === undefined
      ? new Promise<never>(() => undefined)
      : watchUsage({ ...watch, launcher: pid, signal: over.signal })
  try {
    const reason = await Promise.race([
      exited.then(() => 'exited' as const),
      sleep(Math.min(request.timeoutMs, delayMsMax), over.signal).then(() => 'timeout' as const),
      aborted(request.signal, over.signal).then(() => 'aborted' as const),
      excess,
    ])
    return reason
  } finally {
    over.abort()
    if (pid !== undefined) {
      await killNamespaceOf(pid, () => child.exitCode === null && child.signalCode === null)
      await exited
    }
  }
}

function aborted(request: AbortSignal | undefined, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (request?.aborted === true) resolve()
    request?.addEventListener('abort', () => resolve(), { once: true, signal: over })
  })
}

async function openStreams(pipes: readonly Pipe[], run: IsolatedRun): Promise<Streams> {
  const { request, launch } = run
  const opened: number[] = []
  const keep = (fd: number) => {
    opened.push(fd)
    return fd
  }
  try {
    const stdin = request.stdin === undefined ? 'ignore' : keep(await run.pipes.openUnnamedFile(request.stdin))
    const [output, errors, status, ...data] = pipes.map((pipe, index) => {
      const bytes = launch.data[index - 3]
      const { ours, theirs } = bytes === undefined ? pipe.openForReading() : pipe.openFilledWith(bytes)
      return { ours: ours === undefined ? undefined : keep(ours), theirs: keep(theirs) }
    })
    return {
      stdout: openReader(output?.ours, request.outputBytesMax),
      stderr: openReader(errors?.ours, request.outputBytesMax),
      status: openReader(status?.ours, statusBytesMax),
      inherited: [stdin, ...[output, errors, status, ...data].map((ends) => ends?.theirs ?? 'ignore')],
    }
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    throw error
  }
}

function openReader(fd: number | undefined, bytesMax: number): CapturedStream {
  if (fd === undefined) throw new SandboxError('there is no pipe to read from')
  const socket = new Socket({ fd, readable: true, writable: false })
  const capture = new OutputCapture(bytesMax)
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    capture.push(chunk)
    if (!capture.truncated) return
    socket.pause()
    setTimeout(() => socket.resume(), chunk.length / drainBytesPerMs)
  })
  return { capture, ended: once(socket, 'close') }
}

function assertStarted({ status, stderr }: Streams): void {
  const report = status.capture.text()
  if (report.startsWith('started')) return
  const cause = report.trim() || stderr.capture.text().trim() || 'no reason given'
  throw new SandboxError(`the sandbox did not start: ${cause}`)
}

function exitOf(child: ChildProcess, reason: ExecResult['reason']): Pick<ExecResult, 'exitCode' | 'signal'> {
  return reason === 'exited'
    ? { exitCode: child.exitCode, signal: child.signalCode }
    : { exitCode: null, signal: 'SIGKILL' }
}

function outputOf({
  stdout,
  stderr,
}: Streams): Pick<ExecResult, 'stdout' | 'stderr' | 'stdoutTruncated' | 'stderrTruncated'> {
  return {
    stdout: stdout.capture.text(),
    stderr: stderr.capture.text(),
    stdoutTruncated: stdout.capture.truncated,
    stderrTruncated: stderr.capture.truncated,
  }
}
