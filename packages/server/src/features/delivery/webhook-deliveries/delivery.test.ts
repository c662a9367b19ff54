import { describe, expect, it } from 'vitest'
import {
  isGone,
  isTaken,
  parseRetryAfter,
  planRetry,
  retryDelaysMs,
  withoutRetries,
  type ReceiverAnswer,
} from './delivery.ts'

const now = new Date('2026-03-21T09:30:00.000Z')
const answer = (statusCode: number | null, retryAfter?: string): ReceiverAnswer => ({ statusCode, retryAfter })
const plan = (retry: number, given: ReceiverAnswer, random = 0.5) => planRetry({ retry, answer: given }, now, random)

describe('retries', () => {
  it('are seven after the first attempt, over about eleven hours', () => {
    expect(retryDelaysMs).toEqual([30_000, 300_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 14_400_000])
    expect(retryDelaysMs.map((_, retry) => plan(retry, answer(500)))).toEqual(retryDelaysMs)
    expect(plan(7, answer(500))).toBeUndefined()
    expect(plan(withoutRetries, answer(500))).toBeUndefined()
  })

  it('have a jitter of a fifth in both directions', () => {
    expect(plan(0, answer(500), 0)).toBe(24_000)
    expect(plan(0, answer(500), 1)).toBe(36_000)
  })

  it.each([null, 301, 400, 401, 404, 408, 425, 429, 500, 503])(
    'follow %s, because the error may be temporary',
    (statusCode) => {
      expect(plan(0, answer(statusCode))).toBe(30_000)
    },
  )

  it('do not follow 410', () => {
    expect(plan(0, answer(410))).toBeUndefined()
    expect([isGone(answer(410)), isGone(answer(404))]).toEqual([true, false])
  })

  it('wait as long as a 429 or 503 asks, at most a day, never shorter than planned', () => {
    expect(plan(0, answer(429, '120'))).toBe(120_000)
    expect(plan(0, answer(503, 'Sat, 21 Mar 2026 10:30:00 GMT'))).toBe(3_600_000)
    expect(plan(0, answer(429, '1'))).toBe(30_000)
    expect(plan(0, answer(429, '9999999999'))).toBe(86_400_000)
    expect(plan(0, answer(500, '120'))).toBe(30_000)
    expect(plan(7, answer(429, '120'))).toBeUndefined()
  })

  it.each([
    ['0', 0],
    [' 90 ', 90_000],
    ['Sat, 21 Mar 2026 09:31:00 GMT', 60_000],
    ['Saturday, 21-Mar-26 09:31:00 GMT', 60_000],
    ['Sat, 21 Mar 2026 09:00:00 GMT', 0],
  ])('read Retry-After: %s', (text, delayMs) => expect(parseRetryAfter(text, now)).toBe(delayMs))

  it.each(['', '-5', '1.5', 'soon', '2026-03-21T10:00:00Z', '12345678901', 'Sat, 99 Foo 2026'])(
    'ignore Retry-After: %s',
    (text) => {
      expect(parseRetryAfter(text, now)).toBeUndefined()
    },
  )

  it('follow every response except 2xx', () => {
    expect([200, 204, 299].every((statusCode) => isTaken({ statusCode }))).toBe(true)
    expect([null, 101, 199, 300, 302, 404, 500].some((statusCode) => isTaken({ statusCode }))).toBe(false)
  })
})
