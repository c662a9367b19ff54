import { setTimeout as sleep } from 'node:timers/promises'
import type { Platform } from '../../../../platform/platform.ts'
import { findWebhook } from '../../webhooks/index.ts'
import { databaseShare } from './database-share.ts'
import type { ClaimedDelivery } from '../delivery.ts'
import { endWaitingOf } from './end-waiting.ts'
import { recordAttempt, type Recorded } from './record-attempt.ts'
import { isTaken } from './retry-plan.ts'
import { sendAttempt, type Attempt } from './send-attempt.ts'
import type { Passage } from './traffic.ts'

const recordTries = 3
const recordRestMs = 500

/** Sends a claimed attempt and records it. Undefined when the signal aborted it before an outcome was known. */
export async function deliver(
  platform: Platform,
  delivery: ClaimedDelivery,
  signal: AbortSignal,
): Promise<Passage | undefined> {
  const share = platform.use(databaseShare)
  const webhook = await share.run(() => findWebhook(platform.db, delivery.event.webhookId))
  // Deleting a webhook deletes its deliveries, so there is nothing to record.
  if (webhook === undefined) return { result: 'refused', latencyMs: 0 }
  const attempt = await sendAttempt(platform, { webhook, delivery }, signal)
  if (attempt === undefined) return undefined
  // Without the signal: the outcome of an attempt is recorded even while the server stops.
  const { isDisabled } = await recordWithRetries(() =>
    share.run(() => recordAttempt(platform, { webhook, delivery }, attempt)),
  )
  if (isDisabled) await endWaitingOf(platform, webhook.id)
  return passageOf(attempt)
}

function passageOf({ reply, latencyMs, isSilent }: Attempt): Passage {
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
