import { insertAuditEntry } from '../../../../platform/audit/postgres-audit.ts'
import type { Tx } from '../../../../platform/db/database.ts'
import { toWireId, toWireIdOrNull } from '../../../../platform/ids/id.ts'
import type { Platform } from '../../../../platform/platform.ts'
import {
  cancelLockedRun,
  insertPreparedRun,
  recordFailedRun,
  wakeAfterCancel,
  type StoredRun,
} from '../../runs/index.ts'
import {
  holdOwners,
  lockUntouched,
  saveAdvances,
  saveFires,
  type Advance,
  type DueSchedule,
  type NewFire,
} from './firing-store.ts'
import { findUnfinishedRunsOfSchedules } from '../../runs/index.ts'
import { decideFires, type Decision, type FirePlan } from './plan-fires.ts'
import type { PreparedSchedule, PreparedStart } from './prepare-fires.ts'

/** The effects of a transaction, for the wake-ups after its commit. */
interface FiringBatch {
  readonly tx: Tx
  readonly now: Date
  readonly fires: NewFire[]
  readonly advances: Advance[]
  readonly started: StoredRun[]
  readonly failed: StoredRun[]
  readonly cancelled: StoredRun[]
}

/** The result of a batch. */
export interface FiredBatch {
  /** Schedules that were handled. */
  readonly handled: number
  /** The organizations of the runs that were created, one for each run. */
  readonly runsOf: readonly string[]
}

/**
 * Fires schedules in one transaction: all runs, fire outcomes, next fires and audit entries, or nothing. Schedules that
 * another process holds or that have changed are left to the next round.
 */
export async function fireBatch(
  { db, wake }: Pick<Platform, 'db' | 'wake'>,
  schedules: readonly PreparedSchedule[],
  now: Date,
): Promise<FiredBatch> {
  const batch = await db.transaction().execute(async (tx) => {
    const current: FiringBatch = { tx, now, fires: [], advances: [], started: [], failed: [], cancelled: [] }
    await fireAll(current, schedules)
    return current
  })
  wakeAfter({ wake }, batch)
  const runsOf = [...batch.started, ...batch.failed].map(({ organizationId }) => organizationId)
  return { handled: batch.advances.length, runsOf }
}

async function fireAll(batch: FiringBatch, schedules: readonly PreparedSchedule[]): Promise<void> {
  const { tx, now } = batch
  await holdOwners(
    tx,
    schedules.map(({ schedule }) => schedule),
  )
  const untouched = await lockUntouched(
    tx,
    schedules.map(({ schedule }) => schedule),
  )
  const locked = schedules.filter(({ schedule }) => untouched.has(schedule.id))
  const activeRuns = await loadActiveRuns(tx, locked)
  for (const { schedule, plan, start } of locked) {
    const decisions = decideFires(plan.fires, {
      overlap: schedule.overlap,
      queuedFor: schedule.queuedFor,
      isSuspended: schedule.isSuspended,
      activeRunIds: activeRuns.get(schedule.id) ?? [],
    })
    let hasRun = false
    for (const decision of decisions) hasRun = (await carryOut(batch, { schedule, start, decision })) || hasRun
    batch.advances.push(await advance(batch, { schedule, plan, hasRun, isDisabled: start?.kind === 'agent-gone' }))
  }
  await saveFires(tx, batch.fires, now)
  await saveAdvances(tx, batch.advances, now)
}

// Locks runs whose end decides about a fire: they end either before this read or, with an outbox event, after commit.
async function loadActiveRuns(tx: Tx, locked: readonly PreparedSchedule[]): Promise<Map<string, string[]>> {
  const starting = locked.filter(({ start }) => start !== undefined).map(({ schedule }) => schedule)
  const isHeld = ({ overlap, queuedFor }: DueSchedule) =>
    queuedFor !== null || overlap === 'queue' || overlap === 'cancel-previous'
  const idsOf = (schedules: readonly DueSchedule[]) => schedules.map(({ id }) => id)
  const held = await findUnfinishedRunsOfSchedules(tx, idsOf(starting.filter(isHeld)), { isHeld: true })
  const seen = await findUnfinishedRunsOfSchedules(
    tx,
    idsOf(starting.filter((schedule) => !isHeld(schedule) && schedule.overlap === 'skip')),
    { isHeld: false },
  )
  return new Map([...held, ...seen])
}

interface Fired {
  readonly schedule: DueSchedule
  readonly start: PreparedStart | undefined
  readonly decision: Decision
}

/** Carries out the decision about one fire; returns whether it created a run. */
async function carryOut(batch: FiringBatch, { schedule, start, decision }: Fired): Promise<boolean> {
  const { scheduledFor } = decision
  if (decision.kind !== 'start') {
    batch.fires.push({
      schedule,
      scheduledFor,
      through: decision.kind === 'skipped-missed' ? decision.through : null,
      outcome: decision.kind,
      runId: null,
    })
    return false
  }
  if (start === undefined) throw new Error(`Schedule ${schedule.id} has a fire to start, but no prepared run.`)
  const run = await startRun(batch, { schedule, start, decision })
  batch.fires.push({
    schedule,
    scheduledFor,
    through: null,
    outcome: run?.status === 'pending' ? 'started' : 'failed',
    runId: run?.id ?? null,
  })
  await insertAuditEntry(batch.tx, {
    action: 'schedule.fired',
    actor: { kind: 'system', part: 'schedules' },
    scope: schedule,
    resourceId: toWireId('sched', schedule.id),
    changes: {
      runId: { before: null, after: toWireIdOrNull('run', run?.id ?? null) },
      scheduledFor: { before: null, after: scheduledFor.toISOString() },
    },
  })
  return run !== undefined
}

async function startRun(
  batch: FiringBatch,
  {
    schedule,
    start,
    decision,
  }: { schedule: DueSchedule; start: PreparedStart; decision: Extract<Decision, { kind: 'start' }> },
): Promise<StoredRun | undefined> {
  const origin = {
    userId: schedule.userId,
    apiKeyId: null,
    scheduleId: schedule.id,
    scheduledFor: decision.scheduledFor,
  }
  switch (start.kind) {
    case 'agent-gone':
      return undefined
    case 'refused': {
      const { agent, version, request, error, seal } = start
      const failed = await recordFailedRun(batch.tx, schedule, { agent, version, request, origin, error, seal })
      batch.failed.push(failed)
      return failed
    }
    case 'ready': {
      for (const id of decision.cancels) await cancelPrevious(batch, schedule, id)
      const run = await insertPreparedRun(batch.tx, schedule, { prepared: start.prepared, origin })
      batch.started.push(run)
      return run
    }
  }
}

async function cancelPrevious({ tx, cancelled }: FiringBatch, schedule: DueSchedule, id: string): Promise<void> {
  const by = 'the next fire of its schedule'
  const run = await cancelLockedRun(tx, id, { by, entry: `The run was cancelled by ${by}.` })
  await insertAuditEntry(tx, {
    action: 'run.cancelled',
    actor: { kind: 'system', part: 'schedules' },
    scope: schedule,
    resourceId: toWireId('run', id),
  })
  cancelled.push(run)
}

async function advance(
  { tx }: FiringBatch,
  about: { schedule: DueSchedule; plan: FirePlan; hasRun: boolean; isDisabled: boolean },
): Promise<Advance> {
  const { schedule, plan, hasRun, isDisabled } = about
  if (!isDisabled) return { id: schedule.id, nextRunAt: plan.nextRunAt, dueAt: plan.dueAt, hasRun, isDisabled }
  await insertAuditEntry(tx, {
    action: 'schedule.disabled',
    actor: { kind: 'system', part: 'schedules' },
    scope: schedule,
    resourceId: toWireId('sched', schedule.id),
    changes: { enabled: { before: true, after: false } },
  })
  return { id: schedule.id, nextRunAt: null, dueAt: null, hasRun, isDisabled }
}

function wakeAfter({ wake }: Pick<Platform, 'wake'>, { started, failed, cancelled }: FiringBatch): void {
  if (started.length > 0) wake.wake('runs', '')
  for (const run of [...started, ...failed]) wake.wake('events', `${run.applicationId}:${run.id}`)
  for (const run of cancelled) wakeAfterCancel(wake, run)
  if (failed.length > 0) wake.wake('outbox', '')
}
