import { expect, it } from 'vitest'
import { createSignal } from './signal.ts'

const long = 60_000

it('ends a wait when it is raised, and stays raised until it is lowered', async () => {
  const signal = createSignal()
  const waiting = signal.wait(long)
  signal.raise()
  await waiting
  await signal.wait(long)
  signal.lower()
  const startedMs = performance.now()
  await signal.wait(20)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(18)
})

it('is raised by an abort, before and during a wait', async () => {
  const controller = new AbortController()
  const signal = createSignal(controller.signal)
  const waiting = signal.wait(long)
  controller.abort()
  await waiting
  await createSignal(controller.signal).wait(long)
})
