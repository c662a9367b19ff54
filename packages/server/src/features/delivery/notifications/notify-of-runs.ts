import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { OutboxEvent, OutboxReader } from '../../../platform/outbox/outbox.ts'
import { insertRunNotifications, type RunNotification } from './new-notification-store.ts'

const nullableText = Type.Union([Type.String(), Type.Null()])
const EndedRun = Type.Object({
  agent: Type.String(),
  userId: nullableText,
  scheduleId: nullableText,
  error: Type.Union([Type.Object({ code: Type.String() }), Type.Null()]),
})
const endedRun = Compile(EndedRun)

/** Creates notifications of ended runs. */
export const notifyOfRuns: OutboxReader = {
  name: 'notifications',
  async read(tx, events) {
    const notifications = events.flatMap((event) => notificationOf(event) ?? [])
    if (notifications.length > 0) await insertRunNotifications(tx, notifications)
  },
}

/** The notification that an event causes; undefined for a run that an API key started for itself. */
export function notificationOf({
  type,
  applicationId,
  runId,
  endUserId,
  payload,
}: OutboxEvent): RunNotification | undefined {
  const toMessage = messages.get(type)
  if (toMessage === undefined || runId === null || !endedRun.Check(payload)) return undefined
  const { userId, scheduleId } = payload
  if (endUserId === null && userId === null && scheduleId === null) return undefined
  // Only the end-user is notified of their run, no matter who started it for them.
  const recipient = endUserId === null ? { userId, endUserId } : { userId: null, endUserId }
  return { applicationId, runId, type, message: toMessage(payload), ...recipient }
}

// Use the error's code, not its message, which can quote the end-user or the model.
const messages: ReadonlyMap<string, (run: Static<typeof EndedRun>) => string> = new Map([
  ['run.completed', ({ agent }) => `${agent} completed.`],
  ['run.failed', ({ agent, error }) => (error === null ? `${agent} failed.` : `${agent} failed: ${error.code}.`)],
  ['run.timeout', ({ agent }) => `${agent} ran out of time.`],
  ['run.cancelled', ({ agent }) => `${agent} was cancelled.`],
])
