import { accepted, endpoint } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { getVisibleWebhook } from '../webhooks/index.ts'
import { beginSeries } from './attempt-store.ts'
import { findDelivery } from './delivery-store.ts'
import { DeliveryWire, toDeliveryWire } from './delivery-wire.ts'
import { refuseDisabled } from './delivery.ts'

export const redeliverDelivery = endpoint({
  route: 'POST /api/webhooks/:webhookId/deliveries/:deliveryId/redeliver',
  summary: 'Redeliver an event',
  description:
    'Sends the event of a delivery again, with the same `webhook-id` and a new series of retries. ' +
    'It is due immediately, but after earlier pending events of its run.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'webhook.redelivered',
  params: {
    webhookId: { id: 'wh', missing: 'webhook-not-found' },
    deliveryId: { id: 'del', missing: 'delivery-not-found' },
  },
  returns: { 202: DeliveryWire },
  fails: ['delivery-pending', 'webhook-disabled'],
  async handle({ scope, params, platform, change }) {
    const own = { ...scope, webhookId: params.webhookId }
    const delivery = await change(
      async (tx) => {
        refuseDisabled(await getVisibleWebhook(tx, scope, params.webhookId))
        const { event } = foundOr(await findDelivery(tx, own, params.deliveryId), 'delivery-not-found')
        const [id] = await beginSeries(tx, [event.id])
        if (id === undefined)
          throw problem('delivery-pending', {
            detail: 'An attempt to deliver the event is being sent or waits for its due time.',
          })
        return foundOr(await findDelivery(tx, own, id), 'delivery-not-found').delivery
      },
      ({ id }) => toWireId('del', id),
    )
    platform.wake.wake('deliveries', '')
    return accepted(
      toDeliveryWire(delivery),
      `/api/webhooks/${toWireId('wh', params.webhookId)}/deliveries/${toWireId('del', delivery.id)}`,
    )
  },
})
