import { Type } from 'typebox'
import type { EraseHook } from '../../../platform/hooks/hooks.ts'
import { feature } from '../../../platform/http/feature.ts'
import { unparkLanes } from './attempt-store.ts'
import { dispatchDeliveries } from './dispatch-deliveries.job.ts'
import { deleteEventsOf, removeWebhookEvents, removeDeliveries } from './event-store.ts'
import { expireDeliveries } from './event-expiry.ts'
import { fanOut } from './fan-out.ts'
import { getDelivery } from './get-delivery.ts'
import { listDeliveries } from './list-deliveries.ts'
import { recoverDeliveries } from './recover-deliveries.ts'
import { redeliverDelivery } from './redeliver-delivery.ts'
import { sweepDeliveries } from './sweep-deliveries.job.ts'
import { testWebhook } from './test-webhook.ts'

const problems = {
  'delivery-not-found': { status: 404, title: 'Delivery Not Found' },
  'delivery-pending': { status: 409, title: 'Delivery Pending' },
  'webhook-disabled': { status: 409, title: 'Webhook Disabled' },
} as const
const idPrefixes = { del: 'A delivery.' } as const
const wakes = { deliveries: 'A webhook is to be called.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

const eraseEvents: EraseHook = {
  order: 50,
  report: {
    webhookEvents: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }, { description: 'With their deliveries.' }),
  },
  async erase(tx, whose, limit) {
    const deleted = await deleteEventsOf(tx, whose, limit)
    await unparkLanes(tx, deleted)
    return { rows: deleted.length, counts: { webhookEvents: { deleted: deleted.length } } }
  },
}

export const webhookDeliveriesFeature = feature({
  folder: 'delivery/webhook-deliveries',
  tag: 'Webhook deliveries',
  description: 'The attempts to deliver events to webhooks, and the responses of the receivers.',
  problems,
  idPrefixes,
  wakes,
  removes: { application: { webhook_events: removeWebhookEvents, webhook_deliveries: removeDeliveries } },
  owns: ['webhook_events', 'webhook_deliveries'],
  erase: eraseEvents,
  expires: { deliveryDays: expireDeliveries },
  endpoints: { listDeliveries, getDelivery, redeliverDelivery, recoverDeliveries, testWebhook },
  jobs: [dispatchDeliveries, sweepDeliveries],
  reader: fanOut,
})
