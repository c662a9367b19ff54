import { describe, expect, it } from 'vitest'
import { AdaptiveLimit } from './adaptive-limit.ts'

const calm = { loopMs: 1, connectionMs: 1 }

/** Ten seconds of a server that answers `rate` requests a second, of which callers send as many as they may. */
function overload(limit: AdaptiveLimit, rate: number): number[] {
  return Array.from({ length: 100 }, () => {
    const inProgress = Math.min(limit.value, 2_000)
    const connectionMs = (inProgress / rate) * 1000
    limit.adapt({ loopMs: 2, connectionMs }, inProgress)
    return connectionMs
  })
}

describe('the limit of requests in progress', () => {
  it('falls until requests wait for about the target, and stays there', () => {
    const waits = overload(new AdaptiveLimit(400), 1_000)
    const later = waits.slice(20)
    expect(Math.max(...later)).toBeLessThan(230)
    // Not much below it either: the server would be idle.
    expect(Math.min(...later)).toBeGreaterThan(150)
  })

  it('falls within a second, also from where nothing was limited', () => {
    const limit = new AdaptiveLimit(100)
    for (let i = 0; i < 100; i += 1) limit.adapt(calm, 3)
    expect(
      overload(limit, 2_000)
        .slice(10, 20)
        .every((waitMs) => waitMs < 100),
    ).toBe(true)
  })

  it('does not fall while few requests are in progress: something else makes the server slow', () => {
    const limit = new AdaptiveLimit(100)
    const before = limit.value
    for (let i = 0; i < 100; i += 1) limit.adapt({ loopMs: 500, connectionMs: 2_000 }, 40)
    expect(limit.value).toBe(before)
  })

  it('grows again when requests no longer wait', () => {
    const limit = new AdaptiveLimit(100)
    overload(limit, 200)
    expect(limit.value).toBeLessThan(100)
    for (let i = 0; i < 100; i += 1) limit.adapt(calm, 50)
    expect(limit.value).toBe(250)
  })
})
