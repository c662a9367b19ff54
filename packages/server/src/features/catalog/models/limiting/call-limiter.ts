import { createFairSemaphore } from '../../../../platform/concurrency/fair-semaphore.ts'
import { ModelCallError } from '../calling/model-call-error.ts'

/** The calls of all runs of a process to one model with one key. */
export interface CallLimiter {
  /** How long calls may fail without any success, in ms, before a run gives up. */
  readonly outageMs: number
  /**
   * Makes a call when its owner gets a place, and learns from its result. Rejects with the signal's reason if it aborts
   * before that, and with the call's error.
   */
  run<T>(owner: string, call: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** Why no call starts at the moment, and for how many ms more; undefined when calls start. */
  pause(): { readonly refusal: ModelCallError; readonly remainingMs: number } | undefined
  /** When a call last succeeded, on the monotonic clock; 0 when none has. */
  lastSuccessMs(): number
}

/** What a limiter needs. */
export interface LimiterSettings {
  readonly outageMs: number
  /** The first pause after a refusal in which the provider names no time. It doubles with each further one. */
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** A number from 0 up to 1. */
  readonly random: () => number
}

/** Whether the provider refused the call because it takes no more of them at the moment. */
export function isRefusal(error: unknown): error is ModelCallError {
  return (
    error instanceof ModelCallError &&
    error.retryable &&
    (error.kind === 'rate-limited' || refusalStatuses.has(error.status ?? 0))
  )
}

const refusalStatuses: ReadonlySet<number> = new Set([429, 503, 529])

// Runs of other organizations see this refusal too. The provider's own text is only for the run that was refused.
function withoutText({ kind, status, retryAfterMs }: ModelCallError): ModelCallError {
  const message = 'The provider takes no more calls at the moment.'
  return new ModelCallError({ kind, status, retryAfterMs, message, retryable: true })
}

/** More than the runs of a process: each makes one call at a time. */
const callsMax = 100_000
/** Calls at a time from which on there is no limit any more. */
const unlimitedFrom = 1_000
/** A provider that asks for more is asked again after this time; a run whose own time is shorter fails at once. */
const pauseMaxMs = 15 * 60_000

/**
 * A limiter without a limit, until the provider refuses a call. Then it starts none for as long as the provider asks,
 * halves the number of calls at a time, and raises it again with each success: quickly up to half of what was refused,
 * then by one for as many successes as there are calls at a time.
 */
export class LearningLimiter implements CallLimiter {
  readonly outageMs: number
  readonly #settings: LimiterSettings
  readonly #places = createFairSemaphore({ max: callsMax, waitingMax: callsMax })
  #limit = Number.POSITIVE_INFINITY
  /** Up to here the limit rises quickly. */
  #knownLimit = Number.POSITIVE_INFINITY
  #started = 0
  #running = 0
  /** Calls that had started when the limit was last lowered: their refusals say nothing new. */
  #startedBefore = 0
  /** Times that the limit was lowered since the last success. */
  #lowered = 0
  #refusal: ModelCallError | undefined
  #pausedUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #successMs = 0

  constructor(settings: LimiterSettings) {
    this.#settings = settings
    this.outageMs = settings.outageMs
  }

  run<T>(owner: string, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#places.run(owner, () => this.#watched(call), signal)
  }

  pause(): { readonly refusal: ModelCallError; readonly remainingMs: number } | undefined {
    const remainingMs = Math.round(this.#pausedUntilMs - performance.now())
    return this.#refusal === undefined || remainingMs <= 0 ? undefined : { refusal: this.#refusal, remainingMs }
  }

  lastSuccessMs(): number {
    return this.#successMs
  }

  /** Whether nothing is lost when the limiter is forgotten. */
  isIdle(): boolean {
    return this.#running === 0 && this.pause() === undefined
  }

  /** Clears the timer of a pause. */
  close(): void {
    clearTimeout(this.#timer)
  }

  async #watched<T>(call: () => Promise<T>): Promise<T> {
    this.#started += 1
    this.#running += 1
    const number = this.#started
    try {
      const result = await call()
      this.#raise()
      return result
    } catch (error) {
      if (isRefusal(error)) this.#lower(number, error)
      throw error
    } finally {
      this.#running -= 1
    }
  }

  #raise(): void {
    this.#successMs = performance.now()
    this.#lowered = 0
    if (this.#limit === Number.POSITIVE_INFINITY) return
    this.#limit += this.#limit < this.#knownLimit ? 1 : 1 / this.#limit
    if (this.#limit >= unlimitedFrom) this.#limit = Number.POSITIVE_INFINITY
    if (this.pause() === undefined) this.#resize()
  }

  #lower(number: number, refusal: ModelCallError): void {
    this.#refusal = withoutText(refusal)
    if (number > this.#startedBefore) {
      const refused = Math.min(this.#limit, this.#running)
      if (this.#lowered === 0) this.#knownLimit = refused / 2
      this.#limit = Math.max(1, Math.floor(refused / 2))
      this.#startedBefore = this.#started
      this.#lowered += 1
      this.#pauseFor(refusal.retryAfterMs === undefined ? this.#delayMs() : this.#after(refusal.retryAfterMs))
    } else if (refusal.retryAfterMs !== undefined) this.#pauseFor(this.#after(refusal.retryAfterMs))
  }

  // Half fixed, half random: processes that were refused together do not call together again.
  #delayMs(): number {
    const { baseDelayMs, maxDelayMs, random } = this.#settings
    const ceilingMs = Math.min(maxDelayMs, baseDelayMs * 2 ** (this.#lowered - 1))
    return ceilingMs / 2 + (random() * ceilingMs) / 2
  }

  #after(askedMs: number): number {
    return Math.min(askedMs, pauseMaxMs) + (this.#settings.random() * this.#settings.baseDelayMs) / 2
  }

  #pauseFor(ms: number): void {
    const untilMs = performance.now() + ms
    if (untilMs <= this.#pausedUntilMs) return
    this.#pausedUntilMs = untilMs
    this.#places.resize(0)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#resize(), Math.ceil(ms))
  }

  #resize(): void {
    this.#places.resize(Math.min(callsMax, Math.floor(this.#limit)))
  }
}
