import { feature } from '../../../platform/http/feature.ts'
import { dispatchDeliveries } from './dispatch-deliveries.job.ts'
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

export const webhookDeliveriesFeature = feature({
  folder: 'delivery/webhook-deliveries',
  tag: 'Webhook deliveries',
  description: 'The attempts to deliver events to webhooks, and the responses of the receivers.',
  problems,
  idPrefixes,
  wakes,
  endpoints: { listDeliveries, getDelivery, redeliverDelivery, recoverDeliveries, testWebhook },
  jobs: [dispatchDeliveries, sweepDeliveries],
  reader: fanOut,
})
