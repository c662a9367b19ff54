import { setTimeout as sleep } from 'node:timers/promises'
import { createSemaphore, type Semaphore } from '../../../platform/concurrency/semaphore.ts'
import { egress, EgressError, hiddenFailure, type EgressReply } from '../../../platform/egress/egress.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { findSigningWebhook, signingHeaders, type SigningWebhook } from '../webhooks/index.ts'
import { isTaken, type ClaimedDelivery } from './delivery.ts'
import { responseBytesMax } from './exchange.ts'
import { endWaitingOf, recordAttempt, type Recorded, type Sending, type SentAttempt } from './record-attempt.ts'
import { renderEvent, type RenderingPlatform } from './render-event.ts'
import type { Passage } from './traffic.ts'

const timeoutMs = 15_000
const recordTries = 3
const recordRestMs = 500
const notAccepted = hiddenFailure('The receiver did not accept the event.')
const notPrepared = 'The event could not be prepared because of a server error, which was logged.'

/** What sending and recording a delivery needs. */
export type DeliveringPlatform = RenderingPlatform & Pick<Platform, 'clock' | 'log' | 'keyRing'>

/** Limits deliveries to half of the process's database connections, to leave the rest to the API and to runs. */
const databaseShare: Service<Semaphore> = {
  name: 'database share of deliveries',
  open: ({ config }) => createSemaphore(Math.max(2, Math.floor(config.DATABASE_POOL / 2))),
}

/** Sends a claimed attempt and records it. Undefined when the signal aborted it before an outcome was known. */
export async function deliver(
  platform: DeliveringPlatform,
  delivery: ClaimedDelivery,
  signal: AbortSignal,
): Promise<Passage | undefined> {
  const share = platform.use(databaseShare)
  const webhook = await share.run(() => findSigningWebhook(platform.db, delivery.event.webhookId))
  // Deleting a webhook deletes its deliveries, so there is nothing to record.
  if (webhook === undefined) return { result: 'refused', latencyMs: 0 }
  const attempt = await sendAttempt(platform, { webhook, delivery }, signal)
  if (attempt === undefined) return undefined
  // Without the signal: the outcome of an attempt is recorded even while the server stops.
  const { isDisabled } = await recordWithRetries(() =>
    share.run(() => recordAttempt(platform, { webhook, delivery }, attempt)),
  )
  if (isDisabled) await endWaitingOf(platform.db, webhook.id)
  return passageOf(attempt)
}

function passageOf({ reply, latencyMs, isSilent }: SentAttempt): Passage {
  const result = isSilent ? 'silent' : isTaken({ statusCode: reply?.status ?? null }) ? 'taken' : 'refused'
  return { result, latencyMs }
}

// Retry recording the outcome: if it is lost, the event is delivered twice.
async function recordWithRetries(record: () => Promise<Recorded>): Promise<Recorded> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await record()
    } catch (error) {
      if (tries === recordTries) throw error
      await sleep(recordRestMs * tries)
    }
  }
}

/** Sends an event to its webhook once. Undefined when the signal aborted it: then its outcome is unknown. */
export async function sendAttempt(
  platform: DeliveringPlatform,
  { webhook, delivery }: Sending,
  signal: AbortSignal,
): Promise<SentAttempt | undefined> {
  const request = await platform
    .use(databaseShare)
    .run(() => prepare(platform, webhook, delivery), signal)
    .catch((error: unknown) => {
      if (!signal.aborted)
        platform.log.error(
          { err: error, deliveryId: delivery.id, webhookId: webhook.id },
          'A delivery could not be prepared.',
        )
      return null
    })
  if (signal.aborted) return undefined
  if (request === null) {
    const unsent = { reply: null, latencyMs: 0, error: notPrepared, isSilent: false, isHidden: false }
    return { request, ...unsent }
  }
  const outcome = await post(platform, request, signal)
  if (outcome?.isHidden !== true) return outcome && { request, ...outcome }
  const { error, reply } = outcome
  if (error !== null)
    platform.log.warn(
      { deliveryId: delivery.id, webhookId: webhook.id, reason: error, status: reply?.status },
      'A delivery to an internal address failed.',
    )
  return { request, ...outcome, error: error === null ? null : notAccepted }
}

async function post(
  platform: Pick<Platform, 'use'>,
  { url, headers, body }: NonNullable<SentAttempt['request']>,
  signal: AbortSignal,
): Promise<Omit<SentAttempt, 'request'> | undefined> {
  const startedMs = performance.now()
  let isHidden = false
  const onHidden = () => (isHidden = true)
  try {
    const sent = { headers, body, timeoutMs, responseBytesMax, signal, onHidden }
    const reply = await platform.use(egress).post(url, sent)
    return { reply, latencyMs: reply.latencyMs, error: errorOf(reply), isSilent: false, isHidden }
  } catch (error) {
    if (signal.aborted) return undefined
    if (!(error instanceof EgressError)) throw error
    const latencyMs = Math.round(performance.now() - startedMs)
    const isSilent = error.code === 'egress-timeout'
    return { reply: null, latencyMs, error: error.message, isSilent, isHidden }
  }
}

async function prepare(platform: DeliveringPlatform, webhook: SigningWebhook, { event, attempt }: ClaimedDelivery) {
  const rendered = await renderEvent(platform, webhook, event)
  const body = JSON.stringify(rendered)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Appstrate-Webhooks/1',
    ...signingHeaders(platform, webhook, { id: rendered.id, timestamp: platform.clock.now(), body }),
    'webhook-attempt': String(attempt),
  }
  return { url: webhook.url, headers, body }
}

function errorOf({ status }: EgressReply): string | null {
  if (isTaken({ statusCode: status })) return null
  return `The receiver answered ${status}${status >= 300 && status <= 399 ? ': redirects are not followed' : ''}.`
}
