const seconds = 1_000
const minutes = 60 * seconds
const hours = 60 * minutes

/** The delays before the second to the eighth attempt: about eleven hours in total. */
export const retryDelaysMs: readonly number[] = [
  30 * seconds,
  5 * minutes,
  30 * minutes,
  hours,
  2 * hours,
  3 * hours,
  4 * hours,
]

/** The retry number of an attempt that is never retried: the test of a webhook. */
export const withoutRetries = retryDelaysMs.length

/** The longest delay that a `Retry-After` can cause. */
const retryAfterMaxMs = 24 * hours
const jitterShare = 0.2

/** The parts of the response that determine retries. */
export interface ReceiverAnswer {
  readonly statusCode: number | null
  readonly retryAfter: string | undefined
}

/** True for a status that counts as delivered. */
export function isTaken({ statusCode }: Pick<ReceiverAnswer, 'statusCode'>): boolean {
  return statusCode !== null && statusCode >= 200 && statusCode <= 299
}

/** True when the receiver wants no more events, so that the webhook is disabled. */
export function isGone({ statusCode }: Pick<ReceiverAnswer, 'statusCode'>): boolean {
  return statusCode === 410
}

/** Milliseconds until the retry of a failed attempt; undefined after the last of a series. `random` is from 0 to 1. */
export function planRetry(
  failed: { readonly retry: number; readonly answer: ReceiverAnswer },
  now: Date,
  random: number,
): number | undefined {
  const delayMs = retryDelaysMs[failed.retry]
  if (delayMs === undefined || isGone(failed.answer)) return undefined
  const spreadMs = Math.round(delayMs * (1 + jitterShare * (2 * random - 1)))
  return Math.max(spreadMs, askedDelayMs(failed.answer, now))
}

// The receiver may ask for a longer delay, never for a shorter one, which would end its series within seconds.
function askedDelayMs({ statusCode, retryAfter }: ReceiverAnswer, now: Date): number {
  if (retryAfter === undefined || (statusCode !== 429 && statusCode !== 503)) return 0
  return Math.min(parseRetryAfter(retryAfter, now) ?? 0, retryAfterMaxMs)
}

/** The milliseconds of a `Retry-After`, given as seconds or as an HTTP-date; undefined when it is neither. */
export function parseRetryAfter(text: string, now: Date): number | undefined {
  const trimmed = text.trim()
  if (/^\d{1,10}$/.test(trimmed)) return Number(trimmed) * seconds
  // Every form of an HTTP-date begins with the name of a day; Date.parse accepts many other formats.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(trimmed)) return undefined
  const time = Date.parse(trimmed)
  return Number.isNaN(time) ? undefined : Math.max(0, time - now.getTime())
}
