// own-process: replaces the timers of the process.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watchCall } from './call-watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const watch = () =>
  watchCall({
    api: 'openai',
    toolNames: new Set(),
    fetch,
    signal: new AbortController().signal,
    idleTimeoutMs: 200,
    totalTimeoutMs: 1_000,
    textBytesMax: 1_000,
  })

test('silence reaches the idle limit, before the first byte and between two bytes', () => {
  const [silent, stuck] = [watch(), watch()]
  vi.advanceTimersByTime(150)
  stuck.sawBytes(Buffer.from('one\n'))
  vi.advanceTimersByTime(100)
  expect([silent.stopped, stuck.stopped]).toEqual(['idle', undefined])
  vi.advanceTimersByTime(100)
  expect([stuck.stopped, stuck.signal.aborted]).toEqual(['idle', true])
})

test('bytes reset the idle limit, but not the total limit', () => {
  const dripping = watch()
  for (let drop = 0; drop < 9; drop += 1) {
    vi.advanceTimersByTime(100)
    dripping.sawBytes(Buffer.from('drip\n'))
  }
  expect(dripping.stopped).toBeUndefined()
  vi.advanceTimersByTime(100)
  expect(dripping.stopped).toBe('total')
})

test('a complete answer gets a short time to end, and a closed watch holds no timer', () => {
  const complete = watch()
  complete.answered()
  complete.close()
  expect([complete.stopped, vi.getTimerCount()]).toEqual([undefined, 0])
})
