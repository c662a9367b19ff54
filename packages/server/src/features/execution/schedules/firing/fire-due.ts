import { isDatabaseOutage } from '../../../../platform/db/database-failure.ts'
import { sleep } from '../../../../platform/concurrency/sleep.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { fireBatch } from './fire-batch.ts'
import { findFireRoom, fireWithinRates, groupByOrganization, holdWithoutRoom } from './fire-room.ts'
import { findDueIds, findNextDueAt, loadDue, postpone, type DueId } from './firing-store.ts'
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

/** A part of a round, for one lane: ids of schedules, or several such parts that must follow each other. */
interface Part {
  readonly batches: readonly (readonly string[])[]
  /** The organization whose further due schedules wait when the batches have used all that it may start. */
  readonly limited?: string
}

/** One bounded round over the due schedules: prepares them and fires them in batches. */
export async function fireDue(platform: Firing, signal?: AbortSignal): Promise<Round> {
  const due = await findDueIds(platform.db, { now: platform.clock.now(), limit: roundMax })
  const parts = await divide(platform, due)
  const counts: Handled[] = []
  await inLanes(parts, async (part) => {
    if (signal?.aborted !== true) counts.push(await firePart(platform, part, signal))
  })
  const fired = counts.reduce((sum, count) => sum + count.fired, 0)
  const held = counts.reduce((sum, count) => sum + count.held, 0)
  return { fired, isMore: due.length === roundMax || fired + held < due.length }
}

/** An organization that may not start as many runs as are due gets them in order, in one lane. */
async function divide(platform: Firing, due: readonly DueId[]): Promise<Part[]> {
  const unlimited: string[] = []
  const parts: Part[] = []
  const groups = [...groupByOrganization(due)]
  await inLanes(groups, async ([organizationId, ids]) => {
    const { runs } = await findFireRoom(platform, organizationId, ids.length)
    if (runs >= ids.length) unlimited.push(...ids)
    else parts.push({ batches: chunk(ids.slice(0, runs), batchMax), limited: organizationId })
  })
  // Shuffled, so that nodes rarely prepare the same schedules.
  return [...parts, ...chunk(shuffle(unlimited), batchMax).map((batch) => ({ batches: [batch] }))]
}

interface Handled {
  readonly fired: number
  readonly held: number
}

async function firePart(platform: Firing, { batches, limited }: Part, signal?: AbortSignal): Promise<Handled> {
  let fired = 0
  for (const batch of batches) {
    if (signal?.aborted === true) break
    fired += await fireIds(platform, batch)
  }
  return { fired, held: limited === undefined ? 0 : await holdWithoutRoom(platform, limited) }
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
  if (prepared.length === 0) return 0
  return fireWithinRates(platform, prepared, (allowed) => fireBatch(platform, allowed, now))
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

/** Works on all items, a few at a time. Throws the first error after every lane has ended. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const lane = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item)
  }
  const lanes = await Promise.allSettled(Array.from({ length: lanesMax }, lane))
  const failure = lanes.find((each) => each.status === 'rejected')
  if (failure !== undefined) throw failure.reason
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
