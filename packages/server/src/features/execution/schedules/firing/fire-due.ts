import { isDatabaseOutage } from '../../../../platform/db/database-failure.ts'
import { sleep } from '../../../../platform/concurrency/sleep.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { fireBatch } from './fire-batch.ts'
import { findDueIds, findNextDueAt, loadDue, postpone } from './firing-store.ts'
import { prepareFires } from './prepare-fires.ts'

type Firing = Pick<Platform, 'db' | 'config' | 'clock' | 'log' | 'problems' | 'use' | 'wake'>

/** The maximum number of schedules in one round. */
const roundMax = 500
const batchMax = 20
/** Batches in parallel; each needs one connection. */
const lanesMax = 4
/** How long a schedule that failed is postponed. */
const postponeMs = 10_000
/** The pause when other processes hold everything that is due. */
const busyMs = 50

export interface Round {
  /** Number of schedules that were handled. */
  readonly fired: number
  /** True when more schedules are due: beyond the limit of the round, or held by another process. */
  readonly isMore: boolean
}

/** One bounded round over the due schedules: prepares them and fires them in batches. */
export async function fireDue(platform: Firing, signal?: AbortSignal): Promise<Round> {
  const ids = await findDueIds(platform.db, { now: platform.clock.now(), limit: roundMax })
  // Shuffled, so that nodes rarely prepare the same schedules.
  const batches = chunk(shuffle(ids), batchMax)
  const counts: number[] = []
  const lane = async () => {
    for (let batch = batches.pop(); batch !== undefined && signal?.aborted !== true; batch = batches.pop())
      counts.push(await fireIds(platform, batch))
  }
  const lanes = await Promise.allSettled(Array.from({ length: lanesMax }, lane))
  const failure = lanes.find((each) => each.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  const fired = counts.reduce((sum, count) => sum + count, 0)
  return { fired, isMore: ids.length === roundMax || fired < ids.length }
}

/**
 * Sleeps until the next schedule is due, one is changed, or the signal aborts.
 * Does not sleep, and returns false, when nothing is due within `restMaxMs`.
 */
export async function restUntilDue(
  { db, clock, wake }: Pick<Platform, 'db' | 'clock' | 'wake'>,
  { fired, isMore }: Round,
  rest: { restMaxMs: number; signal: AbortSignal },
): Promise<boolean> {
  if (isMore && fired > 0) return true
  const woken = new AbortController()
  // Subscribes before the query, so that a later change ends the sleep.
  const unsubscribe = wake.subscribe('schedules', () => woken.abort())
  try {
    const dueAt = await findNextDueAt(db)
    const restMs = dueAt === null ? Infinity : Math.max(isMore ? busyMs : 0, dueAt.getTime() - clock.now().getTime())
    if (restMs > rest.restMaxMs) return woken.signal.aborted
    await sleep(restMs, AbortSignal.any([woken.signal, rest.signal])).catch(() => undefined)
    return true
  } finally {
    unsubscribe()
  }
}

async function fireIds(platform: Firing, ids: readonly string[]): Promise<number> {
  try {
    return await fireTogether(platform, ids)
  } catch (error) {
    if (isDatabaseOutage(error)) throw error
    // One failing schedule must not block the others.
    platform.log.warn({ err: error }, 'A batch of schedules could not be fired; retrying them one by one.')
    return fireSingly(platform, ids)
  }
}

async function fireTogether(platform: Firing, ids: readonly string[]): Promise<number> {
  const now = platform.clock.now()
  const prepared = []
  for (const schedule of await loadDue(platform.db, { ids, now }))
    prepared.push(await prepareFires(platform, schedule, now))
  return prepared.length === 0 ? 0 : fireBatch(platform, prepared, now)
}

async function fireSingly(platform: Firing, ids: readonly string[]): Promise<number> {
  let fired = 0
  for (const id of ids) {
    try {
      fired += await fireTogether(platform, [id])
    } catch (error) {
      // If this fails too, the database is at fault: the error ends the round and the job retries later.
      await postpone(platform.db, id, new Date(platform.clock.now().getTime() + postponeMs))
      platform.log.error({ err: error, scheduleId: id }, 'A schedule could not be fired; it will be retried.')
    }
  }
  return fired
}

function chunk(ids: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, index) => ids.slice(index * size, (index + 1) * size))
}

function shuffle(ids: readonly string[]): string[] {
  return ids
    .map((id) => ({ id, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ id }) => id)
}
