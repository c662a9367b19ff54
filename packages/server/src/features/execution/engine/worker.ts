import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { sweepBlobs } from '../files/index.ts'
import { appendEvents, runUpdate, type StoredRun } from '../runs/index.ts'
import { createWorkspace } from '../sandboxes/index.ts'
import { claimRuns, endAllLeases, endLease, findAbandoned, findLostRuns, heartbeat, releaseRun, removeDeadWorkers } from './claim-store.ts'
import { executeRun, RunStopped } from './execute-run.ts'
import { workspaceRoot, type SandboxParts } from './run-sandbox.ts'

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
  readonly run: StoredRun
  readonly controller: AbortController
  readonly done: Promise<void>
}

interface State {
  readonly id: string
  readonly parts: SandboxParts
  readonly active: Map<string, Active>
  stopped: boolean
  kicked: boolean
  claiming: boolean
  lastHeartbeatMs: number
  readonly stopping: AbortController
}

/** Starts executing runs: claims by wake-up and every second, heartbeats, and lets go of what it no longer holds. */
export async function startWorker(parts: SandboxParts): Promise<Worker> {
  const { platform } = parts
  const state: State = { id: newUuid(), parts, active: new Map(), stopped: false, kicked: false, claiming: false, lastHeartbeatMs: Date.now(), stopping: new AbortController() }
  if (platform.config.DATABASE_URL === undefined) await endAllLeases(platform.db)
  await heartbeat(platform.db, state.id)
  const unsubscribes = [
    platform.wake.subscribe('runs', () => kick(state)),
    platform.wake.subscribe('cancel', (detail) => (detail === '*' ? void dropLost(state) : letGo(state, detail))),
  ]
  const beating = beat(state)
  const sweeping = setInterval(() => void sweep(platform), sweepMs)
  void sweep(platform)
  kick(state)
  return {
    activeRuns: () => state.active.size,
    silenceMs: () => Date.now() - state.lastHeartbeatMs,
    async stop() {
      state.stopped = true
      state.stopping.abort()
      clearInterval(sweeping)
      for (const unsubscribe of unsubscribes) unsubscribe()
      for (const { controller } of state.active.values()) controller.abort(new RunStopped('handover'))
      await Promise.race([Promise.allSettled([...state.active.values()].map(({ done }) => done)), sleep(stopMs, undefined, { ref: false })])
      await beating
      await endLease(platform.db, state.id)
    },
  }
}

async function beat(state: State): Promise<void> {
  const { platform } = state.parts
  while (!state.stopped) {
    await sleep(heartbeatMs, undefined, { signal: state.stopping.signal }).catch(() => undefined)
    if (state.stopped) return
    try {
      await heartbeat(platform.db, state.id)
      state.lastHeartbeatMs = Date.now()
      await dropLost(state)
      await removeDeadWorkers(platform.db)
    } catch (error) {
      platform.log.warn({ err: error, workerId: state.id }, 'The heartbeat failed.')
    }
    kick(state)
  }
}

function kick(state: State): void {
  state.kicked = true
  if (state.claiming || state.stopped) return
  state.claiming = true
  void claimWhileThereAre(state).finally(() => {
    state.claiming = false
  })
}

async function claimWhileThereAre(state: State): Promise<void> {
  const { platform } = state.parts
  while (state.kicked && !state.stopped) {
    state.kicked = false
    const slots = Math.min(claimBatch, platform.config.RUNS_CONCURRENT - state.active.size)
    if (slots <= 0) return
    try {
      const runs = await claim(state, slots)
      if (runs.length === slots) state.kicked = true
      for (const run of runs) start(state, run)
    } catch (error) {
      platform.log.warn({ err: error, workerId: state.id }, 'Runs could not be claimed.')
    }
  }
}

async function claim(state: State, slots: number): Promise<StoredRun[]> {
  const { platform } = state.parts
  return platform.db.transaction().execute(async (tx) => {
    const runs = await claimRuns(tx, state.id, slots)
    for (const run of runs) {
      const resumed = { kind: 'run_log', type: 'system', level: 'warn', event: 'run_resumed', message: 'The run was interrupted and goes on from its journal.', data: { attempt: run.attempt } } as const
      await appendEvents(tx, run, run.attempt === 1 ? [runUpdate(run, 'started')] : [resumed])
    }
    return runs
  })
}

function start(state: State, run: StoredRun): void {
  const { platform } = state.parts
  const controller = new AbortController()
  const elapsedMs = platform.clock.now().getTime() - (run.startedAt?.getTime() ?? 0)
  const timer = setTimeout(() => controller.abort(new RunStopped('timeout')), Math.max(0, run.timeoutMs - elapsedMs))
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  platform.wake.wake('outbox', '')
  const done = executeRun(state.parts, run, controller.signal)
    .then((execution) => (execution === 'handover' ? handOver(state, run) : undefined))
    .finally(() => {
      clearTimeout(timer)
      state.active.delete(run.id)
      kick(state)
    })
  state.active.set(run.id, { run, controller, done })
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

async function dropLost(state: State): Promise<void> {
  if (state.active.size === 0) return
  for (const runId of await findLostRuns(state.parts.platform.db, state.id, [...state.active.keys()])) letGo(state, runId)
}

// What a crash left behind: blobs without a row, workspaces whose run ended long ago. A run that was just cancelled may still be using its own.
async function sweep(platform: Platform): Promise<void> {
  try {
    await sweepBlobs(platform)
    await sweepWorkspaces(platform)
  } catch (error) {
    platform.log.warn({ err: error }, 'The sweep was not finished; the next one goes on.')
  }
}

async function sweepWorkspaces(platform: Platform): Promise<void> {
  const root = workspaceRoot(platform)
  const names = await readdir(root).catch(() => [])
  const runIds = names.filter((name) => /^[0-9a-f-]{36}$/.test(name))
  for (let at = 0; at < runIds.length; at += 500) {
    for (const runId of await findAbandoned(platform.db, runIds.slice(at, at + 500))) await createWorkspace(root, runId).then((workspace) => workspace.remove())
  }
}
