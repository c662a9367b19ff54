import { Problem } from '../../../../platform/problems/problem.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { contentSeals } from '../../../accounts/end-users/index.ts'
import { testEventType } from '../delivery.ts'
import { keptRequest, keptResponse, type BodySeal } from '../exchange.ts'
import { noteHealth } from './note-health.ts'
import { insertRetry, lockOrder, releaseNext } from './order-store.ts'
import { saveOutcome, type Outcome } from './outcome-store.ts'
import { isTaken, planRetry, type ReceiverAnswer } from './retry-plan.ts'
import type { Attempt, Sending } from './send-attempt.ts'

/** What recording an attempt changed. */
export interface Recorded {
  /** False if the claim was lost: nothing was written. */
  readonly isSaved: boolean
  /** The webhook is disabled: its waiting attempts must be ended. */
  readonly isDisabled: boolean
}

interface Verdict {
  readonly answer: ReceiverAnswer
  readonly isSuccess: boolean
  /** Undefined if there is no retry. */
  readonly retryInMs: number | undefined
}

/** Records an attempt and what follows from it: a retry, the next event of the run, or the disabling of the webhook. */
export async function recordAttempt(
  platform: Platform,
  { webhook, delivery }: Sending,
  attempt: Attempt,
): Promise<Recorded> {
  const seal = await sealOf(platform, delivery)
  const { id, event } = delivery
  const verdict = judge(delivery.retry, attempt, platform.clock.now())
  const isTest = event.type === testEventType
  return platform.db.transaction().execute(async (tx) => {
    await lockOrder(tx, [event.id])
    const isSaved = await saveOutcome(tx, delivery, toOutcome(attempt, verdict, { seal, isTest }))
    if (!isSaved) return { isSaved, isDisabled: false }
    if (verdict.retryInMs === undefined) await releaseNext(tx, [event.id])
    else await insertRetry(tx, id, verdict.retryInMs)
    // A test does not affect the health of the webhook.
    return {
      isSaved,
      isDisabled: !isTest && (await noteHealth(tx, webhook, { answer: verdict.answer, now: platform.clock.now() })),
    }
  })
}

function judge(retry: number, { reply }: Attempt, now: Date): Verdict {
  const answer = { statusCode: reply?.status ?? null, retryAfter: reply?.headers['retry-after'] }
  const isSuccess = isTaken(answer)
  return { answer, isSuccess, retryInMs: isSuccess ? undefined : planRetry({ retry, answer }, now, Math.random()) }
}

function toOutcome(
  attempt: Attempt,
  { answer, isSuccess, retryInMs }: Verdict,
  { seal, isTest }: { seal: BodySeal; isTest: boolean },
): Outcome {
  return {
    status: isSuccess ? 'success' : 'failed',
    statusCode: answer.statusCode,
    latencyMs: attempt.latencyMs,
    error: attempt.error,
    request: attempt.request === null ? null : keptRequest(attempt.request, seal),
    response: attempt.reply === null ? null : keptResponse(attempt.reply, seal),
    gaveUp: !isSuccess && retryInMs === undefined && !isTest,
  }
}

// An end-user may be erased while their event is in flight: then its bodies are not stored.
async function sealOf(platform: Platform, { event }: Sending['delivery']): Promise<BodySeal> {
  const seal = await platform.use(contentSeals).of(platform.db, event)
  return (text) => {
    try {
      return seal.sealText(text)
    } catch (error) {
      if (error instanceof Problem && error.code === 'invalid-end-user') return null
      throw error
    }
  }
}
