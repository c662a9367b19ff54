import { egress, findUrlMistake } from '../../../platform/egress/egress.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'
import type { Platform } from '../../../platform/platform.ts'

/** What a webhook can be told of; `test.ping` is sent when it is tested, and is not subscribed to. */
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

/** Webhooks of one application, at most. */
export const webhooksMax = 20
/** How long both secrets sign after a rotation, unless its caller says otherwise. */
export const overlapSecondsDefault = 86_400

/** An address that is told of events, as everybody but the sender sees it: without its secrets. Ids are stored UUIDs. */
export interface Webhook {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly url: string
  readonly description: string | null
  readonly events: readonly string[]
  /** Only this agent's runs; null for every agent's. */
  readonly agentId: string | null
  readonly payloadMode: (typeof payloadModes)[number]
  /** The version its payloads are written in. */
  readonly apiVersion: string
  readonly signing: Signing
  /** What receivers verify with; null with hmac, whose secret is theirs too. */
  readonly publicKey: string | null
  /** Until when the secret before the last rotation signs too. */
  readonly previousSecretExpiresAt: Date | null
  readonly enabled: boolean
  readonly disabledReason: DisabledReason | null
  readonly disabledAt: Date | null
  /** The first failure since the last success. */
  readonly failingSince: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A webhook with its secrets, as its sender needs it; they are sealed. */
export interface SigningWebhook extends Webhook {
  readonly sealedSecret: string
  readonly sealedPreviousSecret: string | null
}

/** What a webhook is changed to. */
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

/** What of a webhook its users choose, and what follows from it. */
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

/** What is wrong with a new webhook or a change of one; empty when there is nothing. */
export function findWebhookMistakes(
  { use, versions }: Pick<Platform, 'use' | 'versions'>,
  { url, apiVersion }: { url?: string; apiVersion?: string },
): InvalidPart[] {
  const urlMistake = url === undefined ? undefined : findUrlMistake(url, use(egress).rule)
  return [
    ...(urlMistake === undefined ? [] : [{ pointer: '/url', message: urlMistake, code: 'format' }]),
    ...(apiVersion === undefined || versions.has(apiVersion)
      ? []
      : [{ pointer: '/apiVersion', message: 'must be an API version that exists', code: 'enum' }]),
  ]
}

/** A new webhook's fields, with what its creator left open. */
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

/** The webhook after a change. Enabling it, or giving it another address, forgets that it failed. */
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

/** Until when the secret that a rotation replaces signs too; null: not at all. */
export function overlapEnd(now: Date, overlapSeconds = overlapSecondsDefault): Date | null {
  return overlapSeconds === 0 ? null : new Date(now.getTime() + overlapSeconds * 1000)
}

/** True when the webhook is to be told of an event. */
export function isSubscribed(
  webhook: Webhook,
  event: { readonly applicationId: string; readonly agentId: string | null; readonly type: string },
): boolean {
  const isOfAgent = webhook.agentId === null || webhook.agentId === event.agentId
  return (
    webhook.enabled && webhook.applicationId === event.applicationId && isOfAgent && webhook.events.includes(event.type)
  )
}

/** Throws forbidden on behalf of an end-user: webhooks are the application's, and tell of everybody's runs. */
export function refuseEndUser({ endUserId }: AppScope): void {
  if (endUserId === null) return
  throw problem('forbidden', { detail: 'Webhooks are not for end-users: send the request without Appstrate-User.' })
}
