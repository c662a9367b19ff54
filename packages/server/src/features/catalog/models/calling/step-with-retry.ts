import { sleep } from '../../../../platform/concurrency/sleep.ts'
import { isRefusal, type CallLimiter } from '../limiting/call-limiter.ts'
import { abortedError, ModelCallError } from './model-call-error.ts'
import type { ModelTarget } from './model-target.ts'
import { emptyAnswerError, emptyAnswersMax, hasWorked, isEmptyAnswer, withCorrection } from './second-try.ts'
import { step, type StepRequest } from './step.ts'
import type { StepAnswer } from './step-message.ts'

/** How a run calls its model again after a failure. */
export interface RetryPolicy {
  /** Shares the calls to the model between all runs of the process. */
  readonly limiter: CallLimiter
  /** Whose share of the calls this is. */
  readonly owner: string
  /** Time in ms that is left for the calls: no wait is longer. */
  readonly remainingMs: () => number
  /** Failures after which the provider had reported usage, and so asks money for them. */
  readonly paidFailuresMax: number
  /** Upper end of the first wait after a failure that is no refusal; it doubles with each further one. */
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** Called after each failure, with the number of the failed call (from 1) and the least wait until the next one. */
  readonly onRetry: (error: ModelCallError, attempt: number, delayMs: number) => void
  /** Called before the first call when the provider has refused calls of other runs, with the wait. */
  readonly onWait: (refusal: ModelCallError, delayMs: number) => void
  /** A number from 0 up to 1. */
  readonly random: () => number
}

/** What has failed so far. */
interface Failures {
  calls: number
  paid: number
  /** Empty answers in a row. */
  empty: number
  /** Tool calls in a row that the provider could not read. */
  malformed: number
  /** When the first call failed, on the monotonic clock. */
  sinceMs: number | undefined
}

/** Tool calls in a row that a provider may not be able to read. */
const malformedCallsMax = 3

/** Shorter waits are not worth an entry in the log. */
const notedWaitMs = 1_000

/**
 * Makes a model call, and repeats it after temporary failures: rate limits, server errors, timeouts, lost connections.
 * An empty answer is asked for again, and a model whose call the provider could not read is told so.
 * It goes on while the provider asks to wait, else until the provider has failed for as long as the limiter's outage
 * time, and never beyond the time that is left. Throws ModelCallError.
 */
export async function stepWithRetry(
  target: ModelTarget,
  request: StepRequest,
  policy: RetryPolicy,
): Promise<StepAnswer> {
  const failures: Failures = { calls: 0, paid: 0, empty: 0, malformed: 0, sinceMs: undefined }
  noteOthersPause(policy)
  let next = request
  for (;;) {
    const { answer, failure } = await tryStep(target, next, policy)
    if (failure === undefined) return answer
    const delayMs = isFinal(failure, answer, failures) ? undefined : waitAfter(failure, failures, policy)
    if (delayMs === undefined) {
      if (answer !== undefined && hasWorked(request)) return answer
      throw failure
    }
    next = failure.malformedCall === undefined ? request : withCorrection(request, failure)
    policy.onRetry(failure, failures.calls, delayMs)
    // After a refusal, the limiter holds all calls.
    if (isRefusal(failure)) continue
    await sleep(delayMs, request.signal).catch(() => {
      throw abortedError()
    })
  }
}

function noteOthersPause({ limiter, remainingMs, onWait }: RetryPolicy): void {
  const paused = limiter.pause()
  if (paused === undefined) return
  if (paused.remainingMs > remainingMs()) throw paused.refusal
  if (paused.remainingMs >= notedWaitMs) onWait(paused.refusal, paused.remainingMs)
}

// Counts the failure among those that come in a row.
function isFinal(failure: ModelCallError, answer: StepAnswer | undefined, failures: Failures): boolean {
  failures.empty = answer === undefined ? 0 : failures.empty + 1
  failures.malformed = failure.malformedCall === undefined ? 0 : failures.malformed + 1
  return !failure.retryable || failures.empty >= emptyAnswersMax || failures.malformed >= malformedCallsMax
}

/** An answer, a failure, or an empty answer with the failure that it amounts to. */
type Tried =
  | { readonly answer: StepAnswer; readonly failure: undefined }
  | { readonly answer: StepAnswer | undefined; readonly failure: ModelCallError }

async function tryStep(target: ModelTarget, request: StepRequest, { limiter, owner }: RetryPolicy): Promise<Tried> {
  try {
    const answer = await limiter.run(owner, () => step(target, request), request.signal)
    return { answer, failure: isEmptyAnswer(answer) ? emptyAnswerError(answer) : undefined }
  } catch (error) {
    if (error instanceof ModelCallError) return { answer: undefined, failure: error }
    if (request.signal.aborted) return { answer: undefined, failure: abortedError() }
    throw error
  }
}

/** The wait after one more failure; undefined when the call must not be made again. */
function waitAfter(failure: ModelCallError, failures: Failures, policy: RetryPolicy): number | undefined {
  failures.calls += 1
  failures.sinceMs ??= performance.now()
  if (failure.usage !== undefined) failures.paid += 1
  if (failures.paid >= policy.paidFailuresMax) return undefined
  const delayMs = isRefusal(failure)
    ? (policy.limiter.pause()?.remainingMs ?? 0)
    : retryDelayMs(failure, failures.calls, policy)
  // The limiter's own pause is bounded; what the provider asks for is not.
  const { retryAfterMs = 0 } = failure
  if (Math.max(delayMs, retryAfterMs) > policy.remainingMs()) return undefined
  const isOutage =
    retryAfterMs === 0 && failingForMs(failure, failures.sinceMs, policy) + delayMs > policy.limiter.outageMs
  return isOutage ? undefined : delayMs
}

// While other calls succeed, a refused one only has to wait for its turn.
function failingForMs(failure: ModelCallError, sinceMs: number, { limiter }: RetryPolicy): number {
  return performance.now() - (isRefusal(failure) ? Math.max(sinceMs, limiter.lastSuccessMs()) : sinceMs)
}

/** The wait of one run before its next call: what the provider asks for, else one that doubles with each failure. */
export function retryDelayMs(
  error: Pick<ModelCallError, 'retryAfterMs'>,
  attempt: number,
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs' | 'random'>,
): number {
  const ceilingMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1))
  // Half fixed, half random: callers that failed together do not retry together.
  const backoffMs = Math.round(ceilingMs / 2 + (policy.random() * ceilingMs) / 2)
  const askedMs = error.retryAfterMs
  return askedMs === undefined ? backoffMs : Math.round(askedMs + (policy.random() * policy.baseDelayMs) / 2)
}
