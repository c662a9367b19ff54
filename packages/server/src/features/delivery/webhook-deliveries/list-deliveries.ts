import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { getVisibleWebhook } from '../webhooks/index.ts'
import { loadDeliveries } from './delivery-store.ts'
import { DeliveryWire, toDeliveryWire } from './delivery-wire.ts'
import { deliveredEventTypes, deliveryStatuses } from './delivery.ts'

export const listDeliveries = endpoint({
  route: 'GET /api/webhooks/:webhookId/deliveries',
  summary: "List a webhook's deliveries",
  description: 'Lists one delivery for each attempt, newest first. Deliveries are kept for 30 days.',
  caller: 'application',
  permission: 'webhooks:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  query: {
    ...pageQuery,
    status: Type.Optional(OneOf(deliveryStatuses)),
    eventType: Type.Optional(OneOf(deliveredEventTypes)),
  },
  returns: { 200: pageOf(DeliveryWire) },
  fails: [],
  async handle({ db, scope, params, query }) {
    const { webhookId } = params
    await getVisibleWebhook(db, scope, webhookId)
    const page = parsePage(query, idCursor('del'))
    const filters = {
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(query.eventType === undefined ? {} : { eventType: query.eventType }),
    }
    const slice = await loadDeliveries(db, { ...scope, webhookId }, { page, filters })
    return ok(toPageWire(slice, page, toDeliveryWire))
  },
})
