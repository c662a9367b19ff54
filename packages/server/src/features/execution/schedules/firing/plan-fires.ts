import { createHash } from 'node:crypto'
import { lastFires, nextFire, type FireRule } from '../cron-expression.ts'
import type { MissedFires, Overlap } from '../schedule.ts'

/** A fire that is later than this was missed. */
const missedAfterMs = 60_000
/** The maximum number of missed fires that `run-all` runs. */
export const missedRunsMax = 100

/** A nominal fire to run, or a range of missed fires to record. */
export type PlannedFire =
  | { readonly kind: 'run'; readonly scheduledFor: Date }
  | { readonly kind: 'missed'; readonly scheduledFor: Date; readonly through: Date | null }

export interface FirePlan {
  readonly fires: readonly PlannedFire[]
  readonly nextRunAt: Date | null
  /** When the schedule is due again. */
  readonly dueAt: Date | null
}

/** The fields of a schedule from which its times are computed. */
interface TimedSchedule extends FireRule {
  readonly id: string
  readonly jitterSeconds: number
}

export interface PlannableSchedule extends TimedSchedule {
  readonly missedFires: MissedFires
  readonly nextRunAt: Date | null
  /** The nominal time of a fire that waited until its organization may start more runs: it is late, but not missed. */
  readonly heldFor: Date | null
}

/** What to fire now, and when the schedule is due again. At most one run: later fires follow in the next round. */
export function planFires(schedule: PlannableSchedule, now: Date): FirePlan {
  const nominal = schedule.nextRunAt
  if (nominal === null) return { fires: [], nextRunAt: null, dueAt: null }
  const due = dueAtOf(schedule, nominal)
  if (due > now) return { fires: [], nextRunAt: nominal, dueAt: due }
  const isInTime = due.getTime() + missedAfterMs >= now.getTime() || schedule.heldFor?.getTime() === nominal.getTime()
  const fires = isInTime ? [run(nominal)] : planMissed(schedule, nominal, now)
  const last = fires.at(-1)
  return { fires, ...afterFire(schedule, last === undefined ? nominal : endOf(last), now) }
}

/** The next fire after a moment. An overdue one is due now, not in the past: catching up must not delay others. */
export function afterFire(
  schedule: TimedSchedule,
  after: Date,
  now: Date,
): { nextRunAt: Date | null; dueAt: Date | null } {
  const nextRunAt = nextFire(schedule, after)
  if (nextRunAt === null) return { nextRunAt: null, dueAt: null }
  const due = dueAtOf(schedule, nextRunAt)
  return { nextRunAt, dueAt: due < now ? now : due }
}

/**
 * When a nominal fire is due: up to `jitterSeconds` later, always the same for the same fire, and before the next fire
 * of the schedule, so that fires keep their order.
 */
export function dueAtOf(schedule: TimedSchedule, nominal: Date): Date {
  if (schedule.jitterSeconds === 0) return nominal
  const next = nextFire(schedule, nominal)
  const gapMs = next === null ? Infinity : next.getTime() - nominal.getTime()
  const spanMs = Math.min(schedule.jitterSeconds * 1000, gapMs)
  return new Date(nominal.getTime() + Math.floor(shareOf(schedule.id, nominal) * spanMs))
}

/** A number from 0 to below 1 that differs between schedules and between fires. */
function shareOf(id: string, nominal: Date): number {
  return createHash('sha256').update(`${id} ${nominal.toISOString()}`).digest().readUInt32BE() / 2 ** 32
}

function planMissed(schedule: PlannableSchedule, first: Date, now: Date): PlannedFire[] {
  const last = lastMissed(schedule, first, now)
  switch (schedule.missedFires) {
    case 'skip':
      return [missed(first, last)]
    case 'run-once':
      return [...missedBefore(schedule, first, last), run(last)]
    case 'run-all': {
      const oldest = oldestToRun(schedule, first, last)
      return [...missedBefore(schedule, first, oldest), run(oldest)]
    }
  }
}

function lastMissed(schedule: PlannableSchedule, first: Date, now: Date): Date {
  const cutoff = new Date(now.getTime() - missedAfterMs)
  // Only the latest can be not due yet: a fire is always due before the next one.
  const last = lastFires(schedule, cutoff, 2).find((nominal) => dueAtOf(schedule, nominal) < cutoff)
  return last === undefined || last < first ? first : last
}

function oldestToRun(schedule: PlannableSchedule, first: Date, last: Date): Date {
  // A schedule fires at most once a minute.
  if (last.getTime() - first.getTime() < missedRunsMax * 60_000) return first
  const oldest = lastFires(schedule, last, missedRunsMax).at(-1)
  return oldest === undefined || oldest < first ? first : oldest
}

function missedBefore(schedule: PlannableSchedule, first: Date, end: Date): PlannedFire[] {
  if (first >= end) return []
  const [through = first] = lastFires(schedule, new Date(end.getTime() - 1), 1)
  return [missed(first, through)]
}

function run(scheduledFor: Date): PlannedFire {
  return { kind: 'run', scheduledFor }
}

function missed(first: Date, last: Date): PlannedFire {
  return { kind: 'missed', scheduledFor: first, through: last > first ? last : null }
}

function endOf(fire: PlannedFire): Date {
  return fire.kind === 'missed' ? (fire.through ?? fire.scheduledFor) : fire.scheduledFor
}

/** The decision about one fire. `start` cancels the runs in `cancels`, unless it cannot start itself. */
export type Decision =
  | { readonly kind: 'start'; readonly scheduledFor: Date; readonly cancels: readonly string[] }
  | { readonly kind: 'queued' | 'skipped-overlap' | 'skipped-disabled'; readonly scheduledFor: Date }
  | { readonly kind: 'skipped-missed'; readonly scheduledFor: Date; readonly through: Date | null }

export interface Situation {
  readonly overlap: Overlap
  /** The nominal time of the queued fire. */
  readonly queuedFor: Date | null
  /** Runs of the schedule that have not ended. */
  readonly activeRunIds: readonly string[]
  /** The schedule does not fire now: its queued fire is dropped. */
  readonly isSuspended: boolean
}

/** Decides the planned fires and the queued fire from the schedule's unfinished runs. */
export function decideFires(
  fires: readonly PlannedFire[],
  { overlap, queuedFor, activeRunIds, isSuspended }: Situation,
): Decision[] {
  if (isSuspended) return queuedFor === null ? [] : [{ kind: 'skipped-disabled', scheduledFor: queuedFor }]
  const starts = queuedFor !== null && activeRunIds.length === 0
  const waiting: Decision[] = starts ? [{ kind: 'start', scheduledFor: queuedFor, cancels: [] }] : []
  const isBusy = starts || activeRunIds.length > 0
  const isQueueFull = queuedFor !== null && !starts
  const decided = fires.map((fire): Decision => {
    if (fire.kind === 'missed')
      return { kind: 'skipped-missed', scheduledFor: fire.scheduledFor, through: fire.through }
    const start = { kind: 'start', scheduledFor: fire.scheduledFor, cancels: [] } as const
    if (!isBusy) return start
    switch (overlap) {
      case 'allow':
        return start
      case 'cancel-previous':
        return { ...start, cancels: activeRunIds }
      case 'skip':
        return { kind: 'skipped-overlap', scheduledFor: fire.scheduledFor }
      case 'queue':
        return { kind: isQueueFull ? 'skipped-overlap' : 'queued', scheduledFor: fire.scheduledFor }
    }
  })
  return [...waiting, ...decided]
}
