import type { Db } from '../../../../platform/db/database.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { runStarts } from '../../../accounts/quotas/index.ts'
import { roomLimitOf, runRoom } from '../../runs/index.ts'
import { holdBack, type DueId, type DueSchedule } from './firing-store.ts'
import type { FiredBatch } from './fire-batch.ts'
import type { PreparedSchedule } from './prepare-fires.ts'

type Holding = Pick<Platform, 'clock' | 'db' | 'log' | 'use'>

/** After how long fires are tried again when the organization has too many unfinished runs. */
const unfinishedRetryMs = 10_000

/** How many runs an organization may start now, and when that may change. */
export interface FireRoom {
  readonly runs: number
  readonly retryMs: number
}

/** How many runs the schedules of an organization may start now, at most `wanted`. */
export async function findFireRoom(
  { db, use }: Pick<Platform, 'use'> & { readonly db: Db },
  organizationId: string,
  wanted: number,
): Promise<FireRoom> {
  const starts = await use(runStarts).read(organizationId)
  if (starts.left === 0) return { runs: 0, retryMs: starts.resetMs }
  const about = { ...(await roomLimitOf({ use }, { organizationId })), wanted }
  const unfinished = await use(runRoom).find(db, { organizationId }, about)
  return { runs: Math.min(starts.left, unfinished), retryMs: unfinished === 0 ? unfinishedRetryMs : starts.resetMs }
}

/**
 * Lets the due schedules of an organization wait, when it may start no runs now. Returns how many; 0 when there is room
 * again.
 */
export async function holdWithoutRoom({ db, use, clock, log }: Holding, organizationId: string): Promise<number> {
  const room = await findFireRoom({ db, use }, organizationId, 1)
  if (room.runs > 0) return 0
  const now = clock.now()
  // A little later than the next minute of the count: its clock is another one.
  const until = new Date(now.getTime() + Math.max(1_000, room.retryMs + 100))
  const held = await holdBack(db, { organizationId, now, until })
  if (held > 0)
    log.info({ organizationId, held, until }, 'Schedules wait until their organization may start more runs.')
  return held
}

/** The due schedules by organization, in their order. */
export function groupByOrganization(due: readonly DueId[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const { id, organizationId } of due) {
    const group = groups.get(organizationId)
    if (group === undefined) groups.set(organizationId, [id])
    else group.push(id)
  }
  return groups
}

/**
 * Counts the runs that schedules will start, and fires those whose organization may start them, in the order of their
 * fires; the others stay due. What is not started after all is not counted.
 */
export async function fireWithinRates(
  { use }: Pick<Platform, 'use'>,
  prepared: readonly PreparedSchedule[],
  fire: (allowed: readonly PreparedSchedule[]) => Promise<FiredBatch>,
): Promise<number> {
  const starts = use(runStarts)
  const left = new Map<string, number>()
  for (const [organizationId, wanted] of countStarts(prepared))
    left.set(organizationId, (await starts.take(organizationId, wanted)).granted)
  const granted = new Map(left)
  const allowed = [...prepared].sort(byFire).filter(({ schedule: { organizationId }, start }) => {
    const free = left.get(organizationId) ?? 0
    if (start !== undefined) left.set(organizationId, free - 1)
    return start === undefined || free > 0
  })
  const unused = new Map(granted)
  try {
    const { handled, runsOf } = await fire(allowed)
    for (const organizationId of runsOf) unused.set(organizationId, (unused.get(organizationId) ?? 0) - 1)
    return handled
  } finally {
    for (const [organizationId, count] of unused) await starts.giveBack(organizationId, count)
  }
}

function countStarts(prepared: readonly PreparedSchedule[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { schedule, start } of prepared)
    if (start !== undefined) counts.set(schedule.organizationId, (counts.get(schedule.organizationId) ?? 0) + 1)
  return counts
}

function byFire(a: { schedule: DueSchedule }, b: { schedule: DueSchedule }): number {
  const times = [a, b].map(({ schedule: { nextRunAt } }) => nextRunAt?.getTime() ?? 0)
  return (times[0] ?? 0) - (times[1] ?? 0) || (a.schedule.id < b.schedule.id ? -1 : 1)
}
