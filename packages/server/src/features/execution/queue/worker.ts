import { setTimeout as timer } from 'node:timers/promises'
import { sleep } from '../../../platform/concurrency/sleep.ts'
import { isDatabaseOutage } from '../../../platform/db/database-failure.ts'
import { outageLog } from '../../../platform/db/outage-log.ts'
import { loopDelay } from '../../../platform/load/loop-delay.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import { concurrentRunsOf } from '../../accounts/quotas/index.ts'
import { createFairSemaphore } from '../../../platform/concurrency/fair-semaphore.ts'
import { appendEvents, runResumed, runUpdate, sealEntries } from '../runs/index.ts'
import { executeRun, startTurn, sweepLeftovers, type ExecutionParts } from '../engine/index.ts'
import { claimRuns, compareHeld, releaseUnknown, type Claim } from './claim-store.ts'
import { createHandovers, type Handovers } from './handovers.ts'
import { deleteDeadWorkers, endAllLeases, endLease, extendLease } from './lease-store.ts'
import { keptForNewOrganizations, organizationShare } from './organization-share.ts'
import type { Held } from './long-calls.ts'
import { giveBack } from './give-back.ts'
import type { Claimant } from './waiting-store.ts'

const heartbeatMs = 1_000
const claimBatch = 50
/** Each claimed run needs the event loop for its first step: while requests wait for it, a few start at a time. */
const claimBatchWhileLate = 5
const stopMs = 6_000
const sweepMs = 60 * 60_000

export interface Worker {
  /** The number of runs that this worker executes. */
  activeRuns(): number
  /** Milliseconds since the last heartbeat that the database accepted. */
  silenceMs(): number
  /** Stops claiming, releases the active runs, and resolves when that is done (at most 6 s). */
  stop(): Promise<void>
}

export interface WorkerParts extends Omit<ExecutionParts, 'places'> {
  /** Tool executions in sandboxes at a time. */
  readonly sandboxesMax: number
}

interface Active extends Held {
  readonly done: Promise<void>
}

interface WorkerState {
  readonly id: string
  readonly parts: ExecutionParts
  readonly runsMax: number
  /** Slots that are only for organizations that have none here. */
  readonly keptForNew: number
  readonly active: Map<string, Active>
  readonly handovers: Handovers
  /** Runs leased to this worker that it was not executing at the last heartbeat. */
  unknown: ReadonlySet<string>
  stopped: boolean
  kicked: boolean
  claiming: Promise<void> | undefined
  lastHeartbeatMs: number
  readonly stopping: AbortController
}

/** Starts a worker: claims runs on wake-ups and every second, extends its lease, and aborts runs that it has lost. */
export async function startWorker(parts: WorkerParts): Promise<Worker> {
  const { platform } = parts
  const state: WorkerState = {
    id: newUuid(),
    parts: { ...parts, places: sandboxPlaces(parts) },
    runsMax: platform.config.RUNS_CONCURRENT,
    keptForNew: keptForNewOrganizations(platform.config.RUNS_CONCURRENT, platform.config.ORGANIZATION_SHARE),
    active: new Map(),
    handovers: createHandovers(),
    unknown: new Set(),
    stopped: false,
    kicked: false,
    claiming: undefined,
    lastHeartbeatMs: Date.now(),
    stopping: new AbortController(),
  }
  if (platform.config.DATABASE_URL === undefined) await endAllLeases(platform.db)
  await extendLease(platform.db, state.id)
  const unsubscribes = [
    platform.wake.subscribe('runs', () => kick(state)),
    platform.wake.subscribe('cancel', (detail) =>
      detail === '*' ? void abortLostAfterWake(state) : abortRun(state, detail),
    ),
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
      await Promise.race([releaseAll(state), timer(stopMs, undefined, { ref: false })])
      await beating
      await endLease(platform.db, state.id)
    },
  }
}

/**
 * The places for sandboxes: no organization can have all of them, unless there is one, and the last is for one that has
 * none. A run needs one at a time.
 */
function sandboxPlaces({ platform: { config }, sandboxesMax: max }: WorkerParts) {
  const percent = config.ORGANIZATION_SHARE
  const [ownerMax, keptForNew] = [organizationShare(max, percent), keptForNewOrganizations(max, percent)]
  return createFairSemaphore({ max, ownerMax, keptForNew, waitingMax: config.RUNS_CONCURRENT })
}

async function releaseAll(state: WorkerState): Promise<void> {
  abortAll(state)
  // Runs of a claim in progress are released too.
  await state.claiming
  abortAll(state)
  await Promise.allSettled([...state.active.values()].map(({ done }) => done))
}

function abortAll({ active }: WorkerState): void {
  for (const { turn } of active.values()) turn.stop('release')
}

async function beat(state: WorkerState): Promise<void> {
  const { platform } = state.parts
  const outage = outageLog(platform.log.child({ workerId: state.id }))
  while (!state.stopped) {
    await sleep(heartbeatMs, state.stopping.signal).catch(() => undefined)
    if (state.stopped) return
    try {
      await extendLease(platform.db, state.id)
      state.lastHeartbeatMs = Date.now()
      await releaseForgotten(state, await abortLost(state))
      await deleteDeadWorkers(platform.db)
      outage.over()
      const isFull = state.active.size >= state.runsMax - state.keptForNew
      await state.handovers.settle(platform.db, claimantOf(state), { isFull, active: state.active })
    } catch (error) {
      if (!outage.covers(error)) platform.log.warn({ err: error, workerId: state.id }, 'Heartbeat failed.')
    }
    kick(state)
  }
}

function kick(state: WorkerState): void {
  state.kicked = true
  if (state.claiming !== undefined || state.stopped) return
  state.claiming = claimWhileAvailable(state).finally(() => {
    state.claiming = undefined
  })
}

async function claimWhileAvailable(state: WorkerState): Promise<void> {
  const { platform } = state.parts
  while (state.kicked && !state.stopped) {
    state.kicked = false
    const delay = platform.use(loopDelay)
    await delay.yieldToRequests(state.stopping.signal)
    const room = roomOf(state)
    const slots = Math.min(delay.isLate ? claimBatchWhileLate : claimBatch, room.slots)
    if (slots <= 0) return
    try {
      const claims = await claim(state, slots, room.organizationRunsMax)
      if (claims.length === slots) state.kicked = true
      for (const taken of claims) start(state, taken)
    } catch (error) {
      // The heartbeat reports an outage of the database.
      const level = isDatabaseOutage(error) ? 'debug' : 'warn'
      platform.log[level]({ err: error, workerId: state.id }, 'Runs could not be claimed.')
    }
  }
}

// The kept slots are filled last, and only by organizations that have none.
function roomOf({ runsMax, keptForNew, active, parts }: WorkerState) {
  const organizationRunsMax = organizationShare(runsMax, parts.platform.config.ORGANIZATION_SHARE)
  const free = runsMax - active.size
  return free > keptForNew ? { slots: free - keptForNew, organizationRunsMax } : { slots: free, organizationRunsMax: 1 }
}

function claimantOf({ id, runsMax, parts, handovers }: WorkerState): Claimant {
  const { ORGANIZATION_SHARE: percent, RUN_SLOT_SECONDS: seconds } = parts.platform.config
  return {
    id,
    organizationRunsMax: organizationShare(runsMax, percent),
    quotaOf: concurrentRunsOf(parts.platform),
    slotMs: seconds * 1_000,
    handedOver: handovers.resting(),
  }
}

async function claim(state: WorkerState, slots: number, organizationRunsMax: number): Promise<Claim[]> {
  const { platform } = state.parts
  return platform.db.transaction().execute(async (tx) => {
    const claims = await claimRuns(tx, { ...claimantOf(state), organizationRunsMax }, slots)
    for (const { run } of claims) {
      const entries =
        run.attempt === 1 ? [runUpdate(run, 'started')] : sealEntries(plainSeal, [runResumed(run.attempt)])
      await appendEvents(tx, run, entries)
    }
    return claims
  })
}

function start(state: WorkerState, { run, elapsedMs }: Claim): void {
  const { platform } = state.parts
  // This worker may still be executing an earlier, already fenced attempt of the run.
  abortRun(state, run.id)
  const { organizationId } = run
  const turn = startTurn(run.timeoutMs - elapsedMs, () => state.handovers.take(run.id, organizationId))
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  platform.wake.wake('outbox', '')
  const done = executeRun(state.parts, run, turn)
    .then((execution) => giveBack(platform, { run, execution, isStopping: () => state.stopped }))
    .finally(() => {
      turn.end()
      if (state.active.get(run.id)?.turn === turn) state.active.delete(run.id)
      kick(state)
    })
  state.active.set(run.id, { organizationId, turn, done })
}

function abortRun(state: WorkerState, runId: string): void {
  state.active.get(runId)?.turn.stop('taken-over')
}

/** Aborts runs whose lease was lost; returns the ids of runs leased to this worker that it is not executing. */
async function abortLost(state: WorkerState): Promise<string[]> {
  const { lost, unknown } = await compareHeld(state.parts.platform.db, state.id, [...state.active.keys()])
  for (const runId of lost) abortRun(state, runId)
  return unknown
}

async function abortLostAfterWake(state: WorkerState): Promise<void> {
  const { log } = state.parts.platform
  await abortLost(state).catch((error: unknown) =>
    log.warn({ err: error, workerId: state.id }, 'Cancelled runs could not be looked up; the next heartbeat retries.'),
  )
}

// A run that is unknown at two heartbeats is not being claimed right now: the reply to its claim was lost.
async function releaseForgotten(state: WorkerState, unknown: readonly string[]): Promise<void> {
  const { db, log } = state.parts.platform
  const forgotten = unknown.filter((runId) => state.unknown.has(runId) && !state.active.has(runId))
  state.unknown = new Set(unknown)
  if (forgotten.length === 0) return
  await releaseUnknown(db, state.id, forgotten)
  log.warn({ workerId: state.id, runIds: forgotten }, 'Released runs that were leased to this worker but not executed.')
}
