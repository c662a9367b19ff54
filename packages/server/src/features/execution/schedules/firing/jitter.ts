import { createHash } from 'node:crypto'
import { nextFire, type FireRule } from '../cron-expression.ts'

/** The fields of a schedule from which its times are computed. */
export interface TimedSchedule extends FireRule {
  readonly id: string
  readonly jitterSeconds: number
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
