import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { cursorQuery, pageOf, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
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
    ...cursorQuery,
    status: Type.Optional(OneOf(deliveryStatuses)),
    eventType: Type.Optional(OneOf(deliveredEventTypes)),
  },
  returns: { 200: pageOf(DeliveryWire) },
  fails: [],
  async handle({ db, scope, params, query }) {
    const { webhookId } = params
    await getVisibleWebhook(db, scope, webhookId)
    const page = parsePage(query)
    const filters = {
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(query.eventType === undefined ? {} : { eventType: query.eventType }),
      ...(query.after === undefined ? {} : { after: parseCursor(query.after) }),
    }
    const slice = await loadDeliveries(db, { ...scope, webhookId }, { page, filters })
    const nextCursor = typeof slice.nextCursor === 'string' ? toWireId('del', slice.nextCursor) : null
    return ok(toPageWire({ ...slice, nextCursor }, page, toDeliveryWire))
  },
})

function parseCursor(after: string): string {
  const id = parseWireId('del', after)
  if (id !== undefined) return id
  const errors = [{ pointer: 'query/after', message: 'is not a cursor of this list', code: 'cursor' }]
  throw problem('validation-error', { detail: "'after' must be the nextCursor of an earlier page.", errors })
}
