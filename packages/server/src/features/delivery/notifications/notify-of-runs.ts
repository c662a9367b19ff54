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

/** Notifies of runs that have ended. */
export const notifyOfRuns: OutboxReader = {
  name: 'notifications',
  async read(tx, events) {
    const notifications = events.flatMap((event) => notificationOf(event) ?? [])
    if (notifications.length > 0) await insertRunNotifications(tx, notifications)
  },
}

/** What an event has to tell, and to whom: nobody, when an API key started the run for itself. */
export function notificationOf({
  type,
  applicationId,
  runId,
  endUserId,
  payload,
}: OutboxEvent): RunNotification | undefined {
  const tell = messages.get(type)
  if (tell === undefined || runId === null || !endedRun.Check(payload)) return undefined
  const { userId, scheduleId } = payload
  if (endUserId === null && userId === null && scheduleId === null) return undefined
  // What an end-user's run does is theirs alone, whoever started it for them.
  const recipient = endUserId === null ? { userId, endUserId } : { userId: null, endUserId }
  return { applicationId, runId, type, message: tell(payload), ...recipient }
}

// Codes are ours; the message of an error can quote what the end-user or the model wrote.
const messages: ReadonlyMap<string, (run: Static<typeof EndedRun>) => string> = new Map([
  ['run.completed', ({ agent }) => `${agent} completed.`],
  ['run.failed', ({ agent, error }) => (error === null ? `${agent} failed.` : `${agent} failed: ${error.code}.`)],
  ['run.timeout', ({ agent }) => `${agent} ran out of time.`],
  ['run.cancelled', ({ agent }) => `${agent} was cancelled.`],
])
