import type { Db } from '../../../platform/db/database.ts'
import { addressPolicy } from '../../../platform/egress/address-policy.ts'
import { findUrlMistake } from '../../../platform/egress/egress.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'
import type { Platform } from '../../../platform/platform.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'

/** The events that a webhook can subscribe to. `test.ping` is sent by a test, without a subscription. */
export const webhookEvents = [
  'run.started',
  'run.completed',
  'run.failed',
  'run.timeout',
  'run.cancelled',
  'run.waiting',
] as const
export const payloadModes = ['full', 'summary'] as const
export const signings = ['hmac', 'ed25519'] as const
export const disabledReasons = ['user', 'gone', 'failing'] as const

export type Signing = (typeof signings)[number]
export type DisabledReason = (typeof disabledReasons)[number]

/** The maximum number of webhooks of one application. */
export const webhooksMax = 20
/** How long both secrets sign after a rotation, unless the caller gives another time. */
export const overlapSecondsDefault = 86_400

/** A URL that receives events, without its secrets, which only sending needs. Ids are stored UUIDs. */
export interface Webhook {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly url: string
  readonly description: string | null
  readonly events: readonly string[]
  /** Only this agent's runs; null for all agents. */
  readonly agentId: string | null
  readonly payloadMode: (typeof payloadModes)[number]
  /** The API version of its payloads. */
  readonly apiVersion: string
  readonly signing: Signing
  /** The key that receivers verify with; null with hmac, where they use the secret. */
  readonly publicKey: string | null
  /** Until when the secret before the last rotation continues to sign. */
  readonly previousSecretExpiresAt: Date | null
  readonly enabled: boolean
  readonly disabledReason: DisabledReason | null
  readonly disabledAt: Date | null
  /** The first failure since the last success. */
  readonly failingSince: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A webhook with its encrypted secrets, for sending. */
export interface SigningWebhook extends Webhook {
  readonly sealedSecret: string
  readonly sealedPreviousSecret: string | null
}

/** The fields that a change sets. */
export interface WebhookChanges {
  readonly url?: string
  readonly description?: string | null
  readonly events?: readonly string[]
  /** A stored UUID. */
  readonly agentId?: string | null
  readonly payloadMode?: Webhook['payloadMode']
  readonly apiVersion?: string
  readonly enabled?: boolean
}

/** The fields that users choose, and those that follow from them. */
export type ChosenFields = Pick<
  Webhook,
  | 'url'
  | 'description'
  | 'events'
  | 'agentId'
  | 'payloadMode'
  | 'apiVersion'
  | 'enabled'
  | 'disabledReason'
  | 'disabledAt'
>

/** The mistakes in a new webhook or in a change; empty if there are none. */
export function findWebhookMistakes(
  { use, versions }: Pick<Platform, 'use' | 'versions'>,
  { url, apiVersion }: { url?: string; apiVersion?: string },
): InvalidPart[] {
  const urlMistake = url === undefined ? undefined : findUrlMistake(url, use(addressPolicy))
  return [
    ...(urlMistake === undefined ? [] : [{ pointer: '/url', message: urlMistake, code: 'format' }]),
    ...(apiVersion === undefined || versions.has(apiVersion)
      ? []
      : [{ pointer: '/apiVersion', message: 'must be an API version that exists', code: 'enum' }]),
  ]
}

/** Resolves an agent reference of a body to the stored id; empty if the body has none. Throws agent-not-found. */
export async function agentIdOf(
  db: Db,
  scope: AppScope,
  reference: string | null | undefined,
): Promise<{ agentId?: string | null }> {
  if (reference === undefined || reference === null) return reference === null ? { agentId: null } : {}
  const { id } = foundOr(await findAgent(db, scope, reference), 'agent-not-found')
  return { agentId: id }
}

/** A new webhook's fields, with defaults for those that are not given. */
export function newWebhookFields(
  chosen: WebhookChanges & Pick<Webhook, 'url' | 'events'>,
  { now, apiVersion }: { now: Date; apiVersion: string },
): ChosenFields {
  const { enabled = true } = chosen
  return {
    url: chosen.url,
    description: chosen.description ?? null,
    events: chosen.events,
    agentId: chosen.agentId ?? null,
    payloadMode: chosen.payloadMode ?? 'full',
    apiVersion: chosen.apiVersion ?? apiVersion,
    enabled,
    disabledReason: enabled ? null : 'user',
    disabledAt: enabled ? null : now,
  }
}

/** The webhook after a change. Enabling it, or changing its URL, resets its failures. */
export function changeWebhook(before: Webhook, changes: WebhookChanges, now: Date): Webhook {
  const { enabled = before.enabled, ...fields } = changes
  const after = { ...before, ...fields }
  const begins = changes.enabled === true || after.url !== before.url
  const failingSince = begins ? null : before.failingSince
  if (enabled) return { ...after, enabled, disabledReason: null, disabledAt: null, failingSince }
  return {
    ...after,
    enabled,
    disabledReason: before.disabledReason ?? 'user',
    disabledAt: before.disabledAt ?? now,
    failingSince,
  }
}

/** Until when the secret that a rotation replaces continues to sign; null if not at all. */
export function overlapEnd(now: Date, overlapSeconds = overlapSecondsDefault): Date | null {
  return overlapSeconds === 0 ? null : new Date(now.getTime() + overlapSeconds * 1000)
}

/** True if the webhook subscribes to an event. */
export function isSubscribed(
  webhook: Webhook,
  event: { readonly applicationId: string; readonly agentId: string | null; readonly type: string },
): boolean {
  const isOfAgent = webhook.agentId === null || webhook.agentId === event.agentId
  return (
    webhook.enabled && webhook.applicationId === event.applicationId && isOfAgent && webhook.events.includes(event.type)
  )
}

/**
 * Refuses to create, change or rotate a webhook with `payloadMode: full` to callers who may not read runs. Throws
 * `forbidden`.
 */
export function refuseFullPayload(
  { payloadMode }: Pick<Webhook, 'payloadMode'>,
  permissions: ReadonlySet<string>,
): void {
  if (payloadMode !== 'full' || permissions.has('runs:read')) return
  throw problem('forbidden', {
    detail: 'A webhook with `payloadMode: full` sends the contents of runs: this needs the permission runs:read.',
  })
}

/** Throws forbidden on behalf of an end-user: webhooks report the runs of the whole application. */
export function refuseEndUser({ endUserId }: AppScope): void {
  if (endUserId === null) return
  throw problem('forbidden', { detail: 'Webhooks are not for end-users: send the request without Appstrate-User.' })
}
