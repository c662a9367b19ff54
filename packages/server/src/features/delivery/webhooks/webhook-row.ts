import { toColumnText } from '../../../platform/db/json-text.ts'
import type { ChosenFields, Webhook } from './webhook.ts'

/** The columns of a webhook without its secrets. */
export const webhookColumns = [
  'id',
  'organization_id',
  'application_id',
  'url',
  'description',
  'events',
  'agent_id',
  'payload_mode',
  'api_version',
  'signing',
  'public_key',
  'previous_expires_at',
  'enabled',
  'disabled_reason',
  'disabled_at',
  'failing_since',
  'created_at',
  'updated_at',
] as const

export interface WebhookRow {
  readonly id: string
  readonly organization_id: string
  readonly application_id: string
  readonly url: string
  readonly description: string | null
  readonly events: string[]
  readonly agent_id: string | null
  readonly payload_mode: Webhook['payloadMode']
  readonly api_version: string
  readonly signing: Webhook['signing']
  readonly public_key: string | null
  readonly previous_expires_at: Date | null
  readonly enabled: boolean
  readonly disabled_reason: Webhook['disabledReason']
  readonly disabled_at: Date | null
  readonly failing_since: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

export function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id,
    organizationId: row.organization_id,
    applicationId: row.application_id,
    url: row.url,
    description: row.description,
    events: row.events,
    agentId: row.agent_id,
    payloadMode: row.payload_mode,
    apiVersion: row.api_version,
    signing: row.signing,
    publicKey: row.public_key,
    previousSecretExpiresAt: row.previous_expires_at,
    enabled: row.enabled,
    disabledReason: row.disabled_reason,
    disabledAt: row.disabled_at,
    failingSince: row.failing_since,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export function toColumns(webhook: ChosenFields) {
  return {
    url: webhook.url,
    description: webhook.description === null ? null : toColumnText(webhook.description),
    events: [...webhook.events],
    agent_id: webhook.agentId,
    payload_mode: webhook.payloadMode,
    api_version: webhook.apiVersion,
    enabled: webhook.enabled,
    disabled_reason: webhook.disabledReason,
    disabled_at: webhook.disabledAt,
  }
}
