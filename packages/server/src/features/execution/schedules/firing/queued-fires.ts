import { parseWireId } from '../../../../platform/ids/id.ts'
import type { OutboxEvent, OutboxReader } from '../../../../platform/outbox/outbox.ts'
import { makeQueuedDue } from './firing-store.ts'

const endings: readonly string[] = ['run.completed', 'run.failed', 'run.timeout', 'run.cancelled']

/** Starts a queued fire when the run of its schedule that it waits for has ended. */
export const queuedFires: OutboxReader = {
  name: 'queued-fires',
  async read(tx, events) {
    const ids = endedSchedules(events)
    if (ids.length > 0) await makeQueuedDue(tx, ids)
  },
  committed(platform, events) {
    if (endedSchedules(events).length > 0) platform.wake.wake('schedules', '')
  },
}

function endedSchedules(events: readonly OutboxEvent[]): string[] {
  const ids = events.flatMap(({ type, payload: { scheduleId } }) => {
    const id = endings.includes(type) && typeof scheduleId === 'string' ? parseWireId('sched', scheduleId) : undefined
    return id === undefined ? [] : [id]
  })
  return [...new Set(ids)]
}
