import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ModelCallError } from '../calling/model-call-error.ts'
import { isRefusal, LearningLimiter } from './call-limiter.ts'

const newLimiter = () => new LearningLimiter({ outageMs: 0, baseDelayMs: 10, maxDelayMs: 40, random: () => 0.5 })
const never = new AbortController().signal
const refusal = (over: { status?: number; retryAfterMs?: number; retryable?: boolean } = {}) =>
  new ModelCallError({ kind: 'rate-limited', message: 'Too many.', retryable: true, status: 429, ...over })

/** A provider that takes so many calls at a time, and refuses others at once. */
function provider(places: number, callMs: number) {
  const answered: string[] = []
  const state = { refused: 0, running: 0, most: 0, answered }
  const call = (name: string) => async () => {
    if (state.running >= places) {
      state.refused += 1
      await sleep(1)
      throw refusal()
    }
    state.running += 1
    state.most = Math.max(state.most, state.running)
    await sleep(callMs)
    state.running -= 1
    state.answered.push(name)
  }
  return { state, call }
}

const untilAnswered = async (limiter: LearningLimiter, owner: string, call: () => Promise<void>) => {
  for (;;) {
    const error: unknown = await limiter.run(owner, call, never).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error === undefined) return
    expect(isRefusal(error), String(error)).toBe(true)
  }
}

describe('a limiter of model calls', () => {
  it('lets all calls go at once until one is refused', async () => {
    const { state, call } = provider(50, 20)
    const limiter = newLimiter()
    await Promise.all(Array.from({ length: 50 }, (_, index) => limiter.run('a', call(`a${index}`), never)))
    expect([state.most, state.refused]).toEqual([50, 0])
  })

  it('finds out how many calls a provider takes, so that all get an answer and few are refused', async () => {
    const { state, call } = provider(2, 5)
    const limiter = newLimiter()
    await Promise.all(Array.from({ length: 200 }, (_, index) => untilAnswered(limiter, 'a', call(`a${index}`))))
    expect(state.answered).toHaveLength(200)
    // 198 in the first moment; each of the others would be refused many times without the limiter.
    expect(state.refused).toBeLessThan(2 * 200 + 198)
    limiter.close()
  })

  it('is fair between organizations, however many runs one of them has', async () => {
    const { state, call } = provider(2, 5)
    const limiter = newLimiter()
    const flood = Array.from({ length: 100 }, (_, index) => untilAnswered(limiter, 'flood', call(`flood ${index}`)))
    const calm = Array.from({ length: 20 }, (_, index) => untilAnswered(limiter, 'calm', call(`calm ${index}`)))
    await Promise.all(calm)
    const before = state.answered.filter((name) => name.startsWith('flood')).length
    expect(before).toBeLessThan(60)
    await Promise.all(flood)
    limiter.close()
  })

  it('starts no call of anybody while the provider asks to wait', async () => {
    const limiter = newLimiter()
    await expect(limiter.run('a', () => Promise.reject(refusal({ retryAfterMs: 200 })), never)).rejects.toThrow()
    const startedMs = performance.now()
    await limiter.run('b', () => Promise.resolve(), never)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(190)
    expect(limiter.pause()).toBeUndefined()
    limiter.close()
  })

  it('waits longer with each refusal in which no time is named, and starts again after a success', async () => {
    const limiter = newLimiter()
    const waits: number[] = []
    const refuse = async () => {
      await limiter.run('a', () => Promise.reject(refusal({ status: 503 })), never).catch(() => undefined)
      waits.push(limiter.pause()?.remainingMs ?? 0)
    }
    for (let index = 0; index < 4; index += 1) await refuse()
    await limiter.run('a', () => Promise.resolve(), never)
    await refuse()
    const most = [7.5, 15, 30, 30, 7.5]
    expect(
      waits.every((wait, index) => wait <= Math.ceil(most[index] ?? 0)),
      String(waits),
    ).toBe(true)
    expect(waits[2]).toBeGreaterThan(waits[0] ?? 0)
    limiter.close()
  })

  it('learns nothing from other failures, and stops waiting when the run stops', async () => {
    const limiter = newLimiter()
    const failure = new ModelCallError({ kind: 'unavailable', message: 'Broken.', retryable: true, status: 500 })
    await expect(limiter.run('a', () => Promise.reject(failure), never)).rejects.toThrow('Broken.')
    const noCredit = refusal({ retryable: false })
    await expect(limiter.run('a', () => Promise.reject(noCredit), never)).rejects.toThrow()
    expect(limiter.pause()).toBeUndefined()
    await expect(limiter.run('a', () => Promise.reject(refusal({ retryAfterMs: 60_000 })), never)).rejects.toThrow()
    const controller = new AbortController()
    const waiting = limiter.run('a', () => Promise.resolve(), controller.signal)
    controller.abort(new Error('The run stops.'))
    await expect(waiting).rejects.toThrow('The run stops.')
    limiter.close()
  })
})
