import { Type, type Static } from 'typebox'
import { JsonObject, Nullable, OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { deliveryStatuses, type Delivery } from './delivery.ts'
import type { KeptRequest, KeptResponse } from './exchange.ts'
import type { EventBody } from './render-event.ts'

const summary = {
  id: WireId('del'),
  webhookId: WireId('wh'),
  eventId: WireId('evt', 'The id of the event, sent as `webhook-id`; the same in every attempt.'),
  eventType: Type.String({ examples: ['run.completed'] }),
  runId: Nullable(WireId('run')),
  status: OneOf(deliveryStatuses),
  statusCode: Nullable(Type.Integer({ description: "The receiver's HTTP status; null if it did not answer." })),
  latency: Nullable(Type.Integer({ description: 'Milliseconds until the receiver answered or the attempt failed.' })),
  attempt: Type.Integer({ minimum: 1, description: 'The number of this attempt to deliver the event, from 1.' }),
  error: Nullable(Type.String()),
  dueAt: Nullable({
    ...WireTime,
    description: 'When the attempt is due; null while an earlier event of the same run is pending.',
  }),
  createdAt: WireTime,
  completedAt: Nullable(WireTime),
}

/** One attempt, as shown in lists. */
export const DeliveryWire = wire('WebhookDelivery', summary)

const exchanged = {
  headers: Type.Record(Type.String(), Type.String()),
  body: Nullable(Type.String({ description: 'The body; null if it can no longer be read.' })),
  bodyTruncated: Type.Boolean(),
}

const answered = {
  request: Nullable(Type.Object({ url: Type.String(), ...exchanged })),
  response: Nullable(Type.Object(exchanged)),
}

/** One attempt with its request and its response. */
export const DeliveryDetailWire = wire('WebhookDeliveryDetail', {
  ...summary,
  ...answered,
  payload: { ...JsonObject, description: 'The body as it would be sent now.' },
})

/** The attempt of a test, with its request and its response. */
export const DeliveryTestWire = wire('WebhookTestDelivery', { ...summary, ...answered })

export function toDeliveryWire(delivery: Delivery): Static<typeof DeliveryWire> {
  return {
    id: toWireId('del', delivery.id),
    webhookId: toWireId('wh', delivery.webhookId),
    eventId: toWireId('evt', delivery.eventId),
    eventType: delivery.eventType,
    runId: toWireIdOrNull('run', delivery.runId),
    status: delivery.status,
    statusCode: delivery.statusCode,
    latency: delivery.latencyMs,
    attempt: delivery.attempt,
    error: delivery.error,
    dueAt: toWireTime(delivery.dueAt),
    createdAt: toWireTime(delivery.createdAt),
    completedAt: toWireTime(delivery.completedAt),
  }
}

export function toDeliveryTestWire(
  delivery: Delivery,
  exchange: { request: KeptRequest | null; response: KeptResponse | null },
): Static<typeof DeliveryTestWire> {
  const { request, response } = exchange
  return {
    ...toDeliveryWire(delivery),
    request: request === null ? null : { url: request.url, ...toExchanged(request) },
    response: response === null ? null : toExchanged(response),
  }
}

export function toDeliveryDetailWire(
  delivery: Delivery,
  exchange: { request: KeptRequest | null; response: KeptResponse | null; payload: EventBody },
): Static<typeof DeliveryDetailWire> {
  return { ...toDeliveryTestWire(delivery, exchange), payload: { ...exchange.payload } }
}

function toExchanged({ headers, body, bodyTruncated }: KeptResponse) {
  return { headers, body, bodyTruncated }
}
