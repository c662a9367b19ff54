import type { OutboxEvent, OutboxReader } from '../../../platform/outbox/outbox.ts'
import { holdSubscribed, type Webhook } from '../webhooks/index.ts'
import { insertWebhookEvents, type NewWebhookEvent } from './event-store.ts'
import { insertAttempts, lockOrder } from './attempt-store.ts'

/** Writes the webhook event and its first attempt for each outbox event and each webhook that subscribes to it. */
export const fanOut: OutboxReader = {
  name: 'webhook-deliveries',
  async read(tx, events) {
    const subscribed = await holdSubscribed(tx, events)
    const ids = await insertWebhookEvents(tx, subscribed.map(toWebhookEvent))
    if (ids.length === 0) return
    await lockOrder(tx, ids)
    await insertAttempts(tx, ids)
  },
  committed: (platform) => platform.wake.wake('deliveries', ''),
}

function toWebhookEvent({ webhook, event }: { webhook: Webhook; event: OutboxEvent }): NewWebhookEvent {
  return {
    organizationId: event.organizationId,
    applicationId: event.applicationId,
    webhookId: webhook.id,
    type: event.type,
    runId: event.runId,
    endUserId: event.endUserId,
    outboxId: event.id,
    payload: event.payload,
    createdAt: event.createdAt,
  }
}
