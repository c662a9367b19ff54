import { Type, type Static } from 'typebox'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { disabledReasons, payloadModes, signings, webhookEvents, type Webhook } from './webhook.ts'

const ApiVersion = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  examples: ['2026-03-21'],
  description: 'The API version that its payloads are written in.',
})

const DisabledReason = Type.Unsafe<Webhook['disabledReason']>({
  type: ['string', 'null'],
  enum: [...disabledReasons, null],
  description: '`user`: by a change; `gone`: its address answered 410; `failing`: it failed for days.',
})

const fields = {
  id: WireId('wh'),
  url: Type.String(),
  description: Nullable(Type.String()),
  events: Type.Array(Type.String({ examples: ['run.completed'] })),
  agentId: Nullable(WireId('agent', "Only this agent's runs; null for every agent's.")),
  payloadMode: OneOf(payloadModes),
  apiVersion: ApiVersion,
  signing: OneOf(signings),
  publicKey: Nullable(
    Type.String({ description: 'What ed25519 signatures are verified with (`whpk_…`); null with `hmac`.' }),
  ),
  previousSecretExpiresAt: Nullable({
    ...WireTime,
    description: 'Until when the secret before the last rotation signs too.',
  }),
  enabled: Type.Boolean(),
  disabledReason: DisabledReason,
  disabledAt: Nullable(WireTime),
  failingSince: Nullable({ ...WireTime, description: 'The first failed delivery since the last successful one.' }),
  createdAt: WireTime,
  updatedAt: WireTime,
}

export const WebhookWire = wire('Webhook', fields)

/** The replies that have the secret itself. */
export const NewWebhookWire = wire('NewWebhook', {
  ...fields,
  secret: Nullable(
    Type.String({
      description:
        'What `hmac` signatures are verified with (`whsec_…`). It is shown here and never again; null with `ed25519`.',
    }),
  ),
})

/** What a request says of a webhook. */
export const webhookFields = {
  url: Type.String({
    minLength: 1,
    maxLength: 2000,
    examples: ['https://example.com/hooks'],
    description: 'An https URL of a public host.',
  }),
  description: Nullable(Type.String({ maxLength: 500 })),
  events: Type.Array(OneOf(webhookEvents), { minItems: 1, maxItems: webhookEvents.length, uniqueItems: true }),
  agentId: Nullable(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "`agent_…` or `@scope/name`: only this agent's runs. Null: every agent's.",
    }),
  ),
  payloadMode: OneOf(payloadModes, { description: '`summary` leaves input and result out.' }),
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

/** The wire form with the secret, where the receiver holds it. */
export function toNewWebhookWire(webhook: Webhook, secret: string): Static<typeof NewWebhookWire> {
  return { ...toWebhookWire(webhook), secret: webhook.signing === 'hmac' ? secret : null }
}
