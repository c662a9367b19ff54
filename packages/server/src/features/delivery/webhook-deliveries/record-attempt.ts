import type { Db, Tx } from '../../../platform/db/database.ts'
import type { EgressReply } from '../../../platform/egress/egress.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, erasedSeal } from '../../accounts/end-users/index.ts'
import { insertNotification } from '../notifications/index.ts'
import { disableWebhook, recordFailure, recordSuccess, type SigningWebhook, type Webhook } from '../webhooks/index.ts'
import {
  endWaiting,
  findWaiting,
  insertRetry,
  lockOrder,
  saveOutcome,
  unparkNext,
  type DeliveryOutcome,
} from './attempt-store.ts'
import { isGone, isTaken, planRetry, testEventType, type ClaimedDelivery, type ReceiverAnswer } from './delivery.ts'
import { keptRequest, keptResponse, type BodySeal } from './exchange.ts'

/** A webhook whose deliveries have all failed for this long is disabled. */
const failingMaxMs = 5 * 24 * 60 * 60_000

const whyDisabled = {
  gone: 'its receiver answered 410 Gone',
  failing: 'everything sent to it failed for five days',
} as const

const batchMax = 500
const webhookDisabled = 'The webhook was disabled.'

/** The request and the result of an attempt. */
export interface SentAttempt {
  /** Null if it could not be prepared. */
  readonly request: {
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  } | null
  readonly reply: EgressReply | null
  readonly latencyMs: number
  /** One sentence for the webhook's owner; null if the receiver accepted the event. */
  readonly error: string | null
  /** The receiver did not answer in time. */
  readonly isSilent: boolean
  /** The receiver has an internal address: its reply is used, and not stored, because users see what is stored. */
  readonly isHidden: boolean
}

/** A claimed attempt and its webhook. */
export interface Sending {
  readonly webhook: SigningWebhook
  readonly delivery: ClaimedDelivery
}

/** What recording an attempt changed. */
export interface Recorded {
  /** False if the claim was lost: nothing was written. */
  readonly isSaved: boolean
  /** The webhook is disabled: its waiting attempts must be ended. */
  readonly isDisabled: boolean
}

interface Consequence {
  readonly answer: ReceiverAnswer
  readonly isSuccess: boolean
  /** Undefined if there is no retry. */
  readonly retryInMs: number | undefined
}

/** Records an attempt and what follows from it: a retry, the next event of the run, or the disabling of the webhook. */
export async function recordAttempt(
  platform: Pick<Platform, 'db' | 'use' | 'clock'>,
  { webhook, delivery }: Sending,
  attempt: SentAttempt,
): Promise<Recorded> {
  const seal = await sealOf(platform, delivery)
  const { id, event } = delivery
  const consequence = decide(delivery.retry, attempt, platform.clock.now())
  const isTest = event.type === testEventType
  return platform.db.transaction().execute(async (tx) => {
    await lockOrder(tx, [event.id])
    const isSaved = await saveOutcome(tx, delivery, toOutcome(attempt, consequence, { seal, isTest }))
    if (!isSaved) return { isSaved, isDisabled: false }
    if (consequence.retryInMs === undefined) await unparkNext(tx, [event.id])
    else await insertRetry(tx, id, consequence.retryInMs)
    // A test does not affect the health of the webhook.
    return {
      isSaved,
      isDisabled:
        !isTest && (await recordHealth(tx, webhook, { answer: consequence.answer, now: platform.clock.now() })),
    }
  })
}

function decide(retry: number, { reply }: SentAttempt, now: Date): Consequence {
  const answer = { statusCode: reply?.status ?? null, retryAfter: reply?.headers['retry-after'] }
  const isSuccess = isTaken(answer)
  return { answer, isSuccess, retryInMs: isSuccess ? undefined : planRetry({ retry, answer }, now, Math.random()) }
}

function toOutcome(
  attempt: SentAttempt,
  { answer, isSuccess, retryInMs }: Consequence,
  { seal, isTest }: { seal: BodySeal; isTest: boolean },
): DeliveryOutcome {
  return {
    status: isSuccess ? 'success' : 'failed',
    statusCode: attempt.isHidden ? null : answer.statusCode,
    latencyMs: attempt.latencyMs,
    error: attempt.error,
    request: attempt.request === null ? null : keptRequest(attempt.request, seal),
    response: attempt.reply === null || attempt.isHidden ? null : keptResponse(attempt.reply, seal),
    gaveUp: !isSuccess && retryInMs === undefined && !isTest,
  }
}

// An end-user may be erased while their event is in flight: then its bodies are not stored.
async function sealOf(platform: Pick<Platform, 'db' | 'use'>, { event }: Sending['delivery']): Promise<BodySeal> {
  const seal = await platform.use(contentSeals).of(platform.db, event)
  return seal === erasedSeal ? () => null : (text) => seal.sealText(text)
}

/**
 * Records the effect of an attempt on its webhook's health, which may disable it. Returns whether attempts may still
 * wait for a disabled webhook.
 */
async function recordHealth(
  tx: Tx,
  webhook: Webhook,
  { answer, now }: { answer: ReceiverAnswer; now: Date },
): Promise<boolean> {
  // Many attempts share the webhook's row, so it is written only if this attempt changes it.
  if (isTaken(answer)) {
    if (webhook.failingSince !== null) await recordSuccess(tx, webhook.id)
    return false
  }
  const failingSince = webhook.failingSince ?? (await recordFailure(tx, webhook.id, now)) ?? now
  const reason = isGone(answer) ? 'gone' : now.getTime() - failingSince.getTime() > failingMaxMs ? 'failing' : undefined
  if (reason === undefined) return false
  if (!(await disableWebhook(tx, webhook.id, { reason, now, was: { url: webhook.url, failingSince } }))) return true
  const { organizationId, applicationId, url } = webhook
  // Omit the query, which may contain a token.
  const { origin, pathname } = new URL(url)
  await insertNotification(tx, {
    organizationId,
    applicationId,
    type: 'webhook.disabled',
    message: `The webhook ${origin}${pathname} was disabled: ${whyDisabled[reason]}.`,
  })
  return true
}

/** Ends waiting attempts of a disabled webhook, at most `batchMax` per call. Returns true when there may be more. */
export async function endWaitingOf(db: Db, webhookId: string): Promise<boolean> {
  const waiting = await findWaiting(db, webhookId, batchMax)
  if (waiting.length === 0) return false
  await db.transaction().execute(async (tx) => {
    const eventIds = waiting.map(({ eventId }) => eventId)
    await lockOrder(tx, eventIds)
    await endWaiting(
      tx,
      waiting.map(({ id }) => id),
      webhookDisabled,
    )
    await unparkNext(tx, eventIds)
  })
  return waiting.length === batchMax
}
