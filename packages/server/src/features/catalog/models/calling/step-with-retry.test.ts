import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { retryAfterMs } from './call-failure.ts'
import { LearningLimiter } from '../limiting/call-limiter.ts'
import { retryDelayMs, stepWithRetry, type RetryPolicy } from './step-with-retry.ts'
import { failureOfCall, stepRequest, targetAt } from './testing/model-calls.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({
    scenarios: {
      'outage-500': { steps: [{ failures: [{ status: 500, attempts: 12 }], text: 'Back.' }] },
      'outage-503': { steps: [{ failures: [{ status: 503, attempts: 12 }], text: 'Back.' }] },
      'always-cut': { steps: [{ failures: [{ cutAfterChunks: 2 }], text: 'a b c', chunkCharacters: 1 }] },
      'limited-for-long': { steps: [{ failures: [{ status: 429, retryAfterSeconds: 3_600 }] }] },
      'limited-for-two': {
        steps: [{ failures: [{ status: 429, attempts: 1, retryAfterSeconds: 2 }], text: 'At last.' }],
      },
      refusing: { steps: [{ failures: [{ status: 422 }] }] },
      'slow-once': { steps: [{ failures: [{ attempts: 1, cutAfterChunks: 2 }], text: 'a b c', chunkCharacters: 1 }] },
    },
  })
})
afterAll(() => server.close())

interface Retry {
  readonly kind: string
  readonly attempt: number
  readonly delayMs: number
}

const limiter = (outageMs = 5_000) =>
  new LearningLimiter({ outageMs, baseDelayMs: 20, maxDelayMs: 50, random: () => 0.5 })

function policy(retries: Retry[], over: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    limiter: limiter(),
    owner: 'organization',
    remainingMs: () => 20_000,
    paidFailuresMax: 3,
    baseDelayMs: 20,
    maxDelayMs: 2_000,
    random: () => 0.5,
    onWait: () => undefined,
    onRetry: (error, attempt, delayMs) => void retries.push({ kind: error.kind, attempt, delayMs }),
    ...over,
  }
}

describe('retries over HTTP', () => {
  test('two server errors, then the answer', async () => {
    const retries: Retry[] = []
    const answer = await stepWithRetry(targetAt(server.url, 'server-error-twice'), stepRequest(), policy(retries))
    expect(answer.toolCalls[0]?.argumentsText).toContain('third time lucky')
    expect(retries).toEqual([
      { kind: 'unavailable', attempt: 1, delayMs: expect.any(Number) },
      { kind: 'unavailable', attempt: 2, delayMs: expect.any(Number) },
    ])
  })

  test('waits after a rate limit as long as the provider asks', async () => {
    const retries: Retry[] = []
    const startedAt = performance.now()
    await stepWithRetry(targetAt(server.url, 'rate-limited-once', 'anthropic'), stepRequest(), policy(retries))
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(995)
    expect(retries).toEqual([{ kind: 'rate-limited', attempt: 1, delayMs: expect.any(Number) }])
    expect(retries[0]?.delayMs).toBeGreaterThan(900)
  })

  test('a cut stream is retried from its beginning', async () => {
    const retries: Retry[] = []
    const answer = await stepWithRetry(targetAt(server.url, 'slow-once', 'openai'), stepRequest(), policy(retries))
    expect(answer.text).toBe('a b c')
    expect(retries).toHaveLength(1)
  })

  test('goes on until the provider has failed for the outage time; its package adds no calls', async () => {
    const retries: Retry[] = []
    const before = server.requests.total
    const error = await failureOfCall(
      stepWithRetry(
        targetAt(server.url, 'always-failing', 'anthropic'),
        stepRequest(),
        policy(retries, { limiter: limiter(400) }),
      ),
    )
    expect(error.kind).toBe('unavailable')
    expect(retries.length).toBeGreaterThan(2)
    expect(server.requests.total - before).toBe(retries.length + 1)
    expect(retries.reduce((sum, { delayMs }) => sum + delayMs, 0)).toBeLessThanOrEqual(400)
  })

  test.each([500, 503])('an outage ends without a failed call, with status %i', async (status) => {
    const retries: Retry[] = []
    const about = policy(retries, { maxDelayMs: 50 })
    const answer = await stepWithRetry(targetAt(server.url, `outage-${status}`), stepRequest(), about)
    expect([answer.text, retries.length]).toEqual(['Back.', 12])
  })

  test('does not go on beyond the time that is left', async () => {
    const retries: Retry[] = []
    const startedMs = performance.now()
    const remainingMs = () => 300 - (performance.now() - startedMs)
    const error = await failureOfCall(
      stepWithRetry(
        targetAt(server.url, 'always-failing'),
        stepRequest(),
        policy(retries, { limiter: limiter(600_000), remainingMs }),
      ),
    )
    expect(error.kind).toBe('unavailable')
    expect(retries.length).toBeGreaterThan(0)
  })

  test('failures that cost money are limited in number', async () => {
    const retries: Retry[] = []
    const error = await failureOfCall(
      stepWithRetry(targetAt(server.url, 'always-cut', 'anthropic'), stepRequest(), policy(retries)),
    )
    expect([error.kind, error.usage === undefined, retries.length]).toEqual(['connection', false, 2])
  })

  test.each(['refusing', 'no-such-model'])('a failure that is not retryable is tried once: %s', async (modelId) => {
    const before = server.requests.total
    await failureOfCall(stepWithRetry(targetAt(server.url, modelId), stepRequest(), policy([])))
    expect(server.requests.total - before).toBe(1)
  })

  test('does not wait when the provider asks for an hour', async () => {
    const retries: Retry[] = []
    const error = await failureOfCall(
      stepWithRetry(targetAt(server.url, 'limited-for-long'), stepRequest(), policy(retries)),
    )
    expect([error.retryAfterMs, retries]).toEqual([3_600_000, []])
  })

  test('a call waits while those of others are refused, or fails at once when its time is too short', async () => {
    const shared = limiter()
    const waits: number[] = []
    const about = { limiter: shared, onWait: (_refusal: unknown, delayMs: number) => void waits.push(delayMs) }
    const first = stepWithRetry(targetAt(server.url, 'limited-for-two'), stepRequest(), policy([], about))
    await expect.poll(() => shared.pause()).toBeDefined()
    const before = server.requests.total
    const short = stepWithRetry(
      targetAt(server.url, 'hello'),
      stepRequest(),
      policy([], { ...about, remainingMs: () => 500 }),
    )
    expect(await failureOfCall(short)).toMatchObject({ kind: 'rate-limited', status: 429 })
    expect(server.requests.total).toBe(before)
    await stepWithRetry(targetAt(server.url, 'hello'), stepRequest(), policy([], { ...about, owner: 'another' }))
    expect(waits).toHaveLength(1)
    await first
  })

  test('an abort ends the wait', async () => {
    const abort = new AbortController()
    const waiting = policy([], {
      baseDelayMs: 60_000,
      maxDelayMs: 60_000,
      onRetry: () => setTimeout(() => abort.abort(), 30),
    })
    const error = await failureOfCall(
      stepWithRetry(targetAt(server.url, 'always-failing'), stepRequest({ signal: abort.signal }), waiting),
    )
    expect(error.kind).toBe('aborted')
  })
})

describe('the retry delay', () => {
  const delays = (random: number) =>
    [1, 2, 3, 4, 5, 60].map((attempt) =>
      retryDelayMs({ retryAfterMs: undefined }, attempt, { baseDelayMs: 100, maxDelayMs: 1_000, random: () => random }),
    )

  test('doubles up to its limit; half of it is random', () => {
    expect(delays(0)).toEqual([50, 100, 200, 400, 500, 500])
    expect(delays(0.999)).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  test('reads the three header forms that ask for a delay', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    expect(retryAfterMs({ 'retry-after-ms': '1500' }, now)).toBe(1_500)
    expect(retryAfterMs({ 'retry-after': '2' }, now)).toBe(2_000)
    expect(retryAfterMs({ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, now)).toBe(30_000)
    expect(retryAfterMs({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, now)).toBe(0)
    expect(retryAfterMs({ 'retry-after': 'soon' }, now)).toBeUndefined()
    expect(retryAfterMs({}, now)).toBeUndefined()
  })
})
