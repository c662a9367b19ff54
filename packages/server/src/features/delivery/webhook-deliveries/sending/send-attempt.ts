import { egress, EgressError, type EgressReply } from '../../../../platform/egress/egress.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { signingHeaders, type SigningWebhook } from '../../webhooks/index.ts'
import { databaseShare } from './database-share.ts'
import type { ClaimedDelivery } from '../delivery.ts'
import { responseBytesMax } from '../exchange.ts'
import { isTaken } from './retry-plan.ts'
import { renderEvent } from '../render-event.ts'

const timeoutMs = 15_000

/** The request and the result of an attempt. */
export interface Attempt {
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
}

/** A claimed attempt and its webhook. */
export interface Sending {
  readonly webhook: SigningWebhook
  readonly delivery: ClaimedDelivery
}

const notPrepared = 'The event could not be prepared because of a server error, which was logged.'

/** Sends an event to its webhook once. Undefined when the signal aborted it: then its outcome is unknown. */
export async function sendAttempt(
  platform: Platform,
  { webhook, delivery }: Sending,
  signal: AbortSignal,
): Promise<Attempt | undefined> {
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
  if (request === null) return { request, reply: null, latencyMs: 0, error: notPrepared, isSilent: false }
  const startedMs = performance.now()
  try {
    const { headers, body } = request
    const reply = await platform.use(egress).post(webhook.url, { headers, body, timeoutMs, responseBytesMax, signal })
    return { request, reply, latencyMs: reply.latencyMs, error: errorOf(reply), isSilent: false }
  } catch (error) {
    if (signal.aborted) return undefined
    const latencyMs = Math.round(performance.now() - startedMs)
    if (error instanceof EgressError)
      return { request, reply: null, latencyMs, error: error.message, isSilent: error.code === 'egress-timeout' }
    throw error
  }
}

async function prepare(platform: Platform, webhook: SigningWebhook, { event, attempt }: ClaimedDelivery) {
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
