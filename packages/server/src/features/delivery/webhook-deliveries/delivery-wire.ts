import { Type, type Static } from 'typebox'
import { JsonObject, Nullable, OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { deliveryStatuses, type Delivery } from './delivery.ts'
import type { EventBody } from './event-body.ts'
import type { KeptRequest, KeptResponse } from './exchange.ts'

const summary = {
  id: WireId('del'),
  webhookId: WireId('wh'),
  eventId: WireId('evt', 'The `webhook-id` that the receiver sees: the same in every attempt.'),
  eventType: Type.String({ examples: ['run.completed'] }),
  runId: Nullable(WireId('run')),
  status: OneOf(deliveryStatuses),
  statusCode: Nullable(Type.Integer({ description: 'What the receiver answered; null when it did not.' })),
  latency: Nullable(Type.Integer({ description: 'Milliseconds.' })),
  attempt: Type.Integer({ minimum: 1, description: 'Of this event, from 1.' }),
  error: Nullable(Type.String()),
  dueAt: Nullable({ ...WireTime, description: 'Null while an earlier event of the same run waits.' }),
  createdAt: WireTime,
  completedAt: Nullable(WireTime),
}

/** One attempt, as lists show it. */
export const DeliveryWire = wire('WebhookDelivery', summary)

const exchanged = {
  headers: Type.Record(Type.String(), Type.String()),
  body: Nullable(Type.String({ description: "Null when it can't be read any more." })),
  bodyTruncated: Type.Boolean(),
}

const answered = {
  request: Nullable(Type.Object({ url: Type.String(), ...exchanged })),
  response: Nullable(Type.Object(exchanged)),
}

/** One attempt with what was sent and what came back. */
export const DeliveryDetailWire = wire('WebhookDeliveryDetail', {
  ...summary,
  ...answered,
  payload: { ...JsonObject, description: 'The body as it would be sent now.' },
})

/** One attempt with what came back. */
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
