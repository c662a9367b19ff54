import { lifecycleOf, type TerminalOf } from '../../../platform/lifecycle/lifecycle.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Webhook } from '../webhooks/index.ts'

/** The statuses of an attempt. `pending`: being sent, or waiting for its due time or an earlier event of its run. */
export const deliveryTransitions = {
  pending: ['success', 'failed'],
  success: [],
  failed: [],
} as const satisfies Record<string, readonly string[]>

export type DeliveryStatus = keyof typeof deliveryTransitions
export type EndedDeliveryStatus = TerminalOf<typeof deliveryTransitions>

export const {
  statuses: deliveryStatuses,
  /** The statuses from which another can be reached. */
  before: deliveryStatusesBefore,
} = lifecycleOf(deliveryTransitions)

/** The event that tests a webhook; it belongs to no run. */
export const testEventType = 'test.ping'

/** The types of events that deliveries are listed by. */
export const deliveredEventTypes = [
  'run.started',
  'run.waiting',
  'run.completed',
  'run.failed',
  'run.timeout',
  'run.cancelled',
  testEventType,
] as const

/** One attempt to deliver an event to a webhook. Ids are stored UUIDs. */
export interface Delivery {
  readonly id: string
  readonly webhookId: string
  readonly eventId: string
  readonly eventType: string
  readonly runId: string | null
  readonly attempt: number
  readonly status: DeliveryStatus
  readonly statusCode: number | null
  readonly latencyMs: number | null
  readonly error: string | null
  /** Null while an earlier event of the same run is pending. */
  readonly dueAt: Date | null
  readonly createdAt: Date
  readonly completedAt: Date | null
}

/** An event for a webhook, the same in every attempt. */
export interface WebhookEvent {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly webhookId: string
  readonly type: string
  readonly runId: string | null
  readonly endUserId: string | null
  /** The run in its newest shape, without the fields that may be large. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly createdAt: Date
}

/** An attempt that is claimed until its lease ends. */
export interface ClaimedDelivery {
  readonly id: string
  readonly attempt: number
  readonly retry: number
  readonly claim: string
  readonly event: WebhookEvent
}

const seconds = 1_000
const minutes = 60 * seconds
const hours = 60 * minutes

/** The delays before the second to the eighth attempt: about eleven hours in total. */
export const retryDelaysMs: readonly number[] = [
  30 * seconds,
  5 * minutes,
  30 * minutes,
  hours,
  2 * hours,
  3 * hours,
  4 * hours,
]

/** The retry number of an attempt that is never retried: the test of a webhook. */
export const withoutRetries = retryDelaysMs.length

/** The longest delay that a `Retry-After` can cause. */
const retryAfterMaxMs = 24 * hours
const jitterShare = 0.2

/** The parts of the response that determine retries. */
export interface ReceiverAnswer {
  readonly statusCode: number | null
  readonly retryAfter: string | undefined
}

/** True for a status that counts as delivered. */
export function isTaken({ statusCode }: Pick<ReceiverAnswer, 'statusCode'>): boolean {
  return statusCode !== null && statusCode >= 200 && statusCode <= 299
}

/** True when the receiver wants no more events, so that the webhook is disabled. */
export function isGone({ statusCode }: Pick<ReceiverAnswer, 'statusCode'>): boolean {
  return statusCode === 410
}

/** Milliseconds until the retry of a failed attempt; undefined after the last of a series. `random` is from 0 to 1. */
export function planRetry(
  failed: { readonly retry: number; readonly answer: ReceiverAnswer },
  now: Date,
  random: number,
): number | undefined {
  const delayMs = retryDelaysMs[failed.retry]
  if (delayMs === undefined || isGone(failed.answer)) return undefined
  const spreadMs = Math.round(delayMs * (1 + jitterShare * (2 * random - 1)))
  return Math.max(spreadMs, askedDelayMs(failed.answer, now))
}

// The receiver may ask for a longer delay, never for a shorter one, which would end its series within seconds.
function askedDelayMs({ statusCode, retryAfter }: ReceiverAnswer, now: Date): number {
  if (retryAfter === undefined || (statusCode !== 429 && statusCode !== 503)) return 0
  return Math.min(parseRetryAfter(retryAfter, now) ?? 0, retryAfterMaxMs)
}

/** The milliseconds of a `Retry-After`, given as seconds or as an HTTP-date; undefined when it is neither. */
export function parseRetryAfter(text: string, now: Date): number | undefined {
  const trimmed = text.trim()
  if (/^\d{1,10}$/.test(trimmed)) return Number(trimmed) * seconds
  // Every form of an HTTP-date begins with the name of a day; Date.parse accepts many other formats.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(trimmed)) return undefined
  const time = Date.parse(trimmed)
  return Number.isNaN(time) ? undefined : Math.max(0, time - now.getTime())
}

/** Throws webhook-disabled: due deliveries of a disabled webhook are ended, not sent. */
export function refuseDisabled({ enabled }: Pick<Webhook, 'enabled'>): void {
  if (!enabled) throw problem('webhook-disabled', { detail: 'The webhook is disabled: enable it first.' })
}
