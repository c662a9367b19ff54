import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { sleep } from './sleep.ts'

it('resolves after the delay, and leaves no listener at the signal', async () => {
  const { signal } = new AbortController()
  const startedMs = performance.now()
  await sleep(20, signal)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(18)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('rejects with the reason of the signal, at once when it has aborted before', async () => {
  const controller = new AbortController()
  const asleep = sleep(60_000, controller.signal)
  controller.abort(new Error('enough'))
  await expect(asleep).rejects.toThrow('enough')
  await expect(sleep(60_000, controller.signal)).rejects.toThrow('enough')
})
