import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { getVisibleWebhook } from '../webhooks/index.ts'
import { findDelivery } from './delivery-store.ts'
import { DeliveryDetailWire, toDeliveryDetailWire } from './delivery-wire.ts'
import { unsealExchange } from './exchange.ts'
import { renderEvent } from './render-event.ts'

export const getDelivery = endpoint({
  route: 'GET /api/webhooks/:webhookId/deliveries/:deliveryId',
  summary: 'Get a delivery',
  description:
    "Returns a delivery with the request as it was sent (without its signature) and the receiver's response. " +
    'Long bodies are truncated.',
  caller: 'application',
  permission: 'webhooks:read',
  alsoRequires: ['runs:read'],
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: {
    webhookId: { id: 'wh', missing: 'webhook-not-found' },
    deliveryId: { id: 'del', missing: 'delivery-not-found' },
  },
  returns: { 200: DeliveryDetailWire },
  fails: [],
  async handle({ db, platform, scope, params }) {
    const webhook = await getVisibleWebhook(db, scope, params.webhookId)
    const kept = foundOr(
      await findDelivery(db, { ...scope, webhookId: webhook.id }, params.deliveryId),
      'delivery-not-found',
    )
    const payload = await renderEvent(platform, webhook, kept.event)
    return ok(toDeliveryDetailWire(kept.delivery, { ...(await unsealExchange(platform, kept)), payload }))
  },
})
