import { lifecycleOf, type TerminalOf } from '../../../platform/lifecycle/lifecycle.ts'

/** The statuses of an attempt. `pending`: being sent, or waiting for its due time or for an earlier event of its run. */
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
