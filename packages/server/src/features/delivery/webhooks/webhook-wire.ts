import { Type, type Static } from 'typebox'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime, PlainText } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { disabledReasons, payloadModes, signings, webhookEvents, type Webhook } from './webhook.ts'

const ApiVersion = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  examples: ['2026-03-21'],
  description: "The API version of the webhook's payloads.",
})

const DisabledReason = Type.Unsafe<Webhook['disabledReason']>({
  type: ['string', 'null'],
  enum: [...disabledReasons, null],
  description:
    'Why the webhook is disabled. `user`: by a user; `gone`: its URL answered 410; `failing`: it failed for five days.',
})

const fields = {
  id: WireId('wh'),
  url: Type.String(),
  description: Nullable(Type.String()),
  events: Type.Array(Type.String({ examples: ['run.completed'] })),
  agentId: Nullable(WireId('agent', "Sends only events of this agent's runs; null for all agents.")),
  payloadMode: OneOf(payloadModes),
  apiVersion: ApiVersion,
  signing: OneOf(signings),
  publicKey: Nullable(
    Type.String({ description: 'The key that verifies ed25519 signatures (`whpk_…`); null with `hmac`.' }),
  ),
  previousSecretExpiresAt: Nullable({
    ...WireTime,
    description: 'Until when the secret before the last rotation continues to sign.',
  }),
  enabled: Type.Boolean(),
  disabledReason: DisabledReason,
  disabledAt: Nullable(WireTime),
  failingSince: Nullable({
    ...WireTime,
    description: 'The time of the first failed delivery since the last successful one.',
  }),
  createdAt: WireTime,
  updatedAt: WireTime,
}

export const WebhookWire = wire('Webhook', fields)

/** The form of the replies that contain the secret. */
export const NewWebhookWire = wire('NewWebhook', {
  ...fields,
  secret: Nullable(
    Type.String({
      description:
        'The secret that verifies `hmac` signatures (`whsec_…`). It is shown only once. Null with `ed25519`.',
    }),
  ),
})

/** The fields of a webhook in a request. */
export const webhookFields = {
  url: Type.String({
    minLength: 1,
    maxLength: 2000,
    examples: ['https://example.com/hooks'],
    description: 'The https URL that receives the events. Its host must be public.',
  }),
  description: Nullable(PlainText(500)),
  events: Type.Array(OneOf(webhookEvents), { minItems: 1, maxItems: webhookEvents.length, uniqueItems: true }),
  agentId: Nullable(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Sends only events of this agent's runs: `agent_…` or `@scope/name`. Null for all agents.",
    }),
  ),
  payloadMode: OneOf(payloadModes, { description: '`summary` omits the input and the result of the run.' }),
  apiVersion: ApiVersion,
  enabled: Type.Boolean(),
}

export function toWebhookWire(webhook: Webhook): Static<typeof WebhookWire> {
  return {
    id: toWireId('wh', webhook.id),
    url: webhook.url,
    description: webhook.description,
    events: [...webhook.events],
    agentId: toWireIdOrNull('agent', webhook.agentId),
    payloadMode: webhook.payloadMode,
    apiVersion: webhook.apiVersion,
    signing: webhook.signing,
    publicKey: webhook.publicKey,
    previousSecretExpiresAt: toWireTime(webhook.previousSecretExpiresAt),
    enabled: webhook.enabled,
    disabledReason: webhook.disabledReason,
    disabledAt: toWireTime(webhook.disabledAt),
    failingSince: toWireTime(webhook.failingSince),
    createdAt: toWireTime(webhook.createdAt),
    updatedAt: toWireTime(webhook.updatedAt),
  }
}

/** The wire form with the secret, if receivers verify with it. */
export function toNewWebhookWire(webhook: Webhook, secret: string): Static<typeof NewWebhookWire> {
  return { ...toWebhookWire(webhook), secret: webhook.signing === 'hmac' ? secret : null }
}
