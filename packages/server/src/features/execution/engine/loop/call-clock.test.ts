import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createCallClock } from './call-clock.ts'

it('measures durations with a monotonic clock, unaffected by the system time', async () => {
  const times = [new Date('2026-03-01T00:00:00.000Z'), new Date('2026-03-02T00:00:00.000Z'), new Date(0)]
  const clock = createCallClock({ now: () => times.shift() ?? new Date(0) })
  clock.started()
  await sleep(30)
  clock.receivedToken()
  await sleep(30)
  clock.receivedToken()
  const { startedAt, durationMs, firstTokenMs } = clock.read()
  expect(startedAt).toBe('2026-03-02T00:00:00.000Z')
  expect(firstTokenMs).toBeGreaterThanOrEqual(29)
  expect(durationMs).toBeGreaterThanOrEqual(Number(firstTokenMs) + 29)
})

it('starts a new measurement with each call', async () => {
  const clock = createCallClock({ now: () => new Date() })
  clock.started()
  clock.receivedToken()
  await sleep(30)
  clock.started()
  expect(clock.read().firstTokenMs).toBeNull()
  expect(clock.read().durationMs).toBeLessThan(29)
})
