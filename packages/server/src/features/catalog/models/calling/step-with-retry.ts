import { sleep } from '../../../../platform/concurrency/sleep.ts'
import { abortedError, ModelCallError } from './model-call-error.ts'
import type { ModelTarget } from './model-target.ts'
import { step, type StepRequest } from './step.ts'
import type { StepAnswer } from './step-message.ts'

export interface RetryPolicy {
  /** Calls in all, the first one included. */
  readonly attemptsMax: number
  /** Upper end of the first wait; it doubles with each further one. */
  readonly baseDelayMs: number
  /** Longest wait. If the provider asks for more, the retries end; the error carries `retryAfterMs`. */
  readonly maxDelayMs: number
  /** Called before each wait with the error, the number of the failed attempt (from 1) and the wait. */
  readonly onRetry: (error: ModelCallError, attempt: number, delayMs: number) => void
  /** A number from 0 up to 1. */
  readonly random: () => number
}

/**
 * Makes a model call, and repeats it after temporary failures: rate limits, server errors, timeouts, lost connections.
 * Throws ModelCallError.
 */
export async function stepWithRetry(
  target: ModelTarget,
  request: StepRequest,
  policy: RetryPolicy,
): Promise<StepAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step(target, request)
    } catch (error) {
      if (!(error instanceof ModelCallError) || !error.retryable || attempt >= policy.attemptsMax) throw error
      const delayMs = retryDelayMs(error, attempt, policy)
      if (delayMs === undefined) throw error
      policy.onRetry(error, attempt, delayMs)
      await sleep(delayMs, request.signal).catch(() => {
        throw abortedError()
      })
    }
  }
}

/** The wait before the next attempt, or undefined when the provider asks for more than the policy allows. */
export function retryDelayMs(
  error: Pick<ModelCallError, 'retryAfterMs'>,
  attempt: number,
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs' | 'random'>,
): number | undefined {
  const ceilingMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1))
  // Half fixed, half random: callers that failed together do not retry together.
  const backoffMs = Math.round(ceilingMs / 2 + (policy.random() * ceilingMs) / 2)
  const askedMs = error.retryAfterMs
  if (askedMs === undefined) return backoffMs
  return askedMs > policy.maxDelayMs
    ? undefined
    : Math.round(askedMs) + Math.round((policy.random() * policy.baseDelayMs) / 2)
}
