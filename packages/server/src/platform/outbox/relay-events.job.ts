import { isDatabaseOutage } from '../db/database-failure.ts'
import type { Tx } from '../db/database.ts'
import { job, type Job } from '../jobs/job.ts'
import type { Platform } from '../platform.ts'
import type { OutboxEvent, OutboxReader } from './outbox.ts'
import { deleteEvents, findEvents, lockRelay } from './postgres-outbox.ts'

const batchEventsMax = 500
const pollMs = 1_000

/** Passes the events of the outbox to every reader, oldest first; runs in one process at a time. */
export function relayEvents(readers: readonly OutboxReader[]): Job {
  return job({
    name: 'relay-events',
    everyMs: pollMs,
    wakes: ['outbox'],
    async run(platform) {
      const relay = { platform, readers }
      return relayBatch(relay).catch((error: unknown) => {
        if (isDatabaseOutage(error)) throw error
        // One event that a reader fails on must not block the others.
        platform.log.warn({ err: error }, 'A reader failed on a batch of events; they are passed one by one.')
        return relaySingly(relay)
      })
    },
  })
}

interface Relay {
  readonly platform: Pick<Platform, 'db' | 'log' | 'wake'>
  readonly readers: readonly OutboxReader[]
}

async function relayBatch(relay: Relay): Promise<boolean> {
  const events = await relay.platform.db.transaction().execute(async (tx) => {
    if (!(await lockRelay(tx))) return []
    const batch = await findEvents(tx, { after: 0, limit: batchEventsMax })
    await passToReaders(relay, tx, batch)
    return batch
  })
  announce(relay, events)
  return events.length === batchEventsMax
}

async function relaySingly(relay: Relay): Promise<boolean> {
  // Later events of a run wait for the failed one, because readers get them in order.
  const heldRuns = new Set<string>()
  for (let after = 0, count = 0; count < batchEventsMax; count += 1) {
    const event = await relayNext(relay, after, heldRuns)
    if (event === undefined) break
    after = event.id
  }
  return false
}

async function relayNext(relay: Relay, after: number, heldRuns: Set<string>): Promise<OutboxEvent | undefined> {
  let event: OutboxEvent | undefined
  try {
    await relay.platform.db.transaction().execute(async (tx) => {
      if (!(await lockRelay(tx))) return
      ;[event] = await findEvents(tx, { after, limit: 1 })
      if (event !== undefined && !isHeld(event, heldRuns)) await passToReaders(relay, tx, [event])
    })
    if (event !== undefined && !isHeld(event, heldRuns)) announce(relay, [event])
  } catch (error) {
    if (event === undefined || isDatabaseOutage(error)) throw error
    if (event.runId !== null) heldRuns.add(event.runId)
    relay.platform.log.error(
      { err: error, eventId: event.id, runId: event.runId },
      'A reader failed on an event; it will be retried in the next round.',
    )
  }
  return event
}

function isHeld({ runId }: OutboxEvent, heldRuns: ReadonlySet<string>): boolean {
  return runId !== null && heldRuns.has(runId)
}

async function passToReaders({ readers }: Relay, tx: Tx, events: readonly OutboxEvent[]): Promise<void> {
  if (events.length === 0) return
  for (const reader of readers) await reader.read(tx, events)
  await deleteEvents(
    tx,
    events.map(({ id }) => id),
  )
}

function announce({ platform, readers }: Relay, events: readonly OutboxEvent[]): void {
  if (events.length === 0) return
  for (const reader of readers) reader.committed?.(platform, events)
}
