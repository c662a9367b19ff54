import { setTimeout as sleep } from 'node:timers/promises'
import { newUuid } from '../../../platform/ids/id.ts'
import { appendEvents, runUpdate, type StoredRun } from '../runs/index.ts'
import {
  claimRuns,
  compareHeld,
  endAllLeases,
  endLease,
  heartbeat,
  releaseRun,
  releaseUnknown,
  removeDeadWorkers,
  type Claim,
} from './claim-store.ts'
import { executeRun, RunStopped } from './execute-run.ts'
import type { SandboxParts } from './run-sandbox.ts'
import { sweepLeftovers } from './sweep-leftovers.ts'

const heartbeatMs = 1_000
const claimBatch = 50
const stopMs = 6_000
const sweepMs = 60 * 60_000

export interface Worker {
  /** Runs that this worker holds now. */
  activeRuns(): number
  /** Milliseconds since the database last took a heartbeat. */
  silenceMs(): number
  /** Stops taking runs, hands the running ones over, and resolves when they are let go (at most 6 s). */
  stop(): Promise<void>
}

interface Active {
  readonly controller: AbortController
  readonly done: Promise<void>
}

interface State {
  readonly id: string
  readonly parts: SandboxParts
  readonly active: Map<string, Active>
  /** Runs that the database says are this worker's, and that it did not know of at the last heartbeat. */
  doubted: ReadonlySet<string>
  stopped: boolean
  kicked: boolean
  claiming: Promise<void> | undefined
  lastHeartbeatMs: number
  readonly stopping: AbortController
}

/** Starts executing runs: claims by wake-up and every second, heartbeats, and lets go of what it no longer holds. */
export async function startWorker(parts: SandboxParts): Promise<Worker> {
  const { platform } = parts
  const state: State = {
    id: newUuid(),
    parts,
    active: new Map(),
    doubted: new Set(),
    stopped: false,
    kicked: false,
    claiming: undefined,
    lastHeartbeatMs: Date.now(),
    stopping: new AbortController(),
  }
  if (platform.config.DATABASE_URL === undefined) await endAllLeases(platform.db)
  await heartbeat(platform.db, state.id)
  const unsubscribes = [
    platform.wake.subscribe('runs', () => kick(state)),
    platform.wake.subscribe('cancel', (detail) => (detail === '*' ? void dropLostSoon(state) : letGo(state, detail))),
  ]
  const beating = beat(state)
  const sweeping = setInterval(() => void sweepLeftovers(platform), sweepMs)
  void sweepLeftovers(platform)
  kick(state)
  return {
    activeRuns: () => state.active.size,
    silenceMs: () => Date.now() - state.lastHeartbeatMs,
    async stop() {
      state.stopped = true
      state.stopping.abort()
      clearInterval(sweeping)
      for (const unsubscribe of unsubscribes) unsubscribe()
      await Promise.race([handAllOver(state), sleep(stopMs, undefined, { ref: false })])
      await beating
      await endLease(platform.db, state.id)
    },
  }
}

async function handAllOver(state: State): Promise<void> {
  abortAll(state)
  // What was being claimed at this moment is handed over too.
  await state.claiming
  abortAll(state)
  await Promise.allSettled([...state.active.values()].map(({ done }) => done))
}

function abortAll({ active }: State): void {
  for (const { controller } of active.values()) controller.abort(new RunStopped('handover'))
}

async function beat(state: State): Promise<void> {
  const { platform } = state.parts
  while (!state.stopped) {
    await sleep(heartbeatMs, undefined, { signal: state.stopping.signal }).catch(() => undefined)
    if (state.stopped) return
    try {
      await heartbeat(platform.db, state.id)
      state.lastHeartbeatMs = Date.now()
      await giveBackUnknown(state, await dropLost(state))
      await removeDeadWorkers(platform.db)
    } catch (error) {
      platform.log.warn({ err: error, workerId: state.id }, 'The heartbeat failed.')
    }
    kick(state)
  }
}

function kick(state: State): void {
  state.kicked = true
  if (state.claiming !== undefined || state.stopped) return
  state.claiming = claimWhileThereAre(state).finally(() => {
    state.claiming = undefined
  })
}

async function claimWhileThereAre(state: State): Promise<void> {
  const { platform } = state.parts
  while (state.kicked && !state.stopped) {
    state.kicked = false
    const slots = Math.min(claimBatch, platform.config.RUNS_CONCURRENT - state.active.size)
    if (slots <= 0) return
    try {
      const claims = await claim(state, slots)
      if (claims.length === slots) state.kicked = true
      for (const taken of claims) start(state, taken)
    } catch (error) {
      platform.log.warn({ err: error, workerId: state.id }, 'Runs could not be claimed.')
    }
  }
}

async function claim(state: State, slots: number): Promise<Claim[]> {
  const { platform } = state.parts
  return platform.db.transaction().execute(async (tx) => {
    const claims = await claimRuns(tx, state.id, slots)
    for (const { run } of claims) {
      const resumed = {
        kind: 'run_log',
        type: 'system',
        level: 'warn',
        event: 'run_resumed',
        message: 'The run was interrupted and goes on from its journal.',
        data: { attempt: run.attempt },
      } as const
      await appendEvents(tx, run, run.attempt === 1 ? [runUpdate(run, 'started')] : [resumed])
    }
    return claims
  })
}

function start(state: State, { run, elapsedMs }: Claim): void {
  const { platform } = state.parts
  // An earlier attempt of this worker's own, which others had taken in between, may not have noticed yet.
  letGo(state, run.id)
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new RunStopped('timeout')), Math.max(0, run.timeoutMs - elapsedMs))
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  platform.wake.wake('outbox', '')
  const done = executeRun(state.parts, run, controller.signal)
    .then((execution) => (execution === 'handover' ? handOver(state, run) : undefined))
    .finally(() => {
      clearTimeout(timer)
      if (state.active.get(run.id)?.controller === controller) state.active.delete(run.id)
      kick(state)
    })
  state.active.set(run.id, { controller, done })
}

// Without this write the run would wait for this worker's lease to end; it is repeated until the database takes it.
async function handOver(state: State, run: StoredRun): Promise<void> {
  const { platform } = state.parts
  for (let delayMs = 200; ; delayMs = Math.min(delayMs * 2, 5_000)) {
    // What failed just now may need a moment; a stopping worker has none.
    if (!state.stopped) await sleep(delayMs)
    try {
      return await releaseRun(platform.db, run)
    } catch (error) {
      if (state.stopped) return
      platform.log.warn({ err: error, runId: run.id }, 'The run could not be handed over yet.')
    }
  }
}

function letGo(state: State, runId: string): void {
  state.active.get(runId)?.controller.abort(new RunStopped('taken-away'))
}

/** Lets go of what this worker holds no longer; returns what it holds without knowing. */
async function dropLost(state: State): Promise<string[]> {
  const { lost, unknown } = await compareHeld(state.parts.platform.db, state.id, [...state.active.keys()])
  for (const runId of lost) letGo(state, runId)
  return unknown
}

async function dropLostSoon(state: State): Promise<void> {
  const { log } = state.parts.platform
  await dropLost(state).catch((error: unknown) =>
    log.warn(
      { err: error, workerId: state.id },
      'What was cancelled could not be looked up; the next heartbeat does it.',
    ),
  )
}

// A run that is unknown at two heartbeats is not just being claimed: the answer to its claim was lost.
async function giveBackUnknown(state: State, unknown: readonly string[]): Promise<void> {
  const { db, log } = state.parts.platform
  const forgotten = unknown.filter((runId) => state.doubted.has(runId) && !state.active.has(runId))
  state.doubted = new Set(unknown)
  if (forgotten.length === 0) return
  await releaseUnknown(db, state.id, forgotten)
  log.warn({ workerId: state.id, runIds: forgotten }, 'Runs that this worker held without knowing were given back.')
}
