import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { LoopDelay } from './loop-delay.ts'

/** Blocks the event loop again and again, until the delay is measured. */
async function makeLate(delay: LoopDelay): Promise<void> {
  delay.watch()
  while (delay.ms < 50) {
    for (const endMs = performance.now() + 300; performance.now() < endMs; );
    await sleep(1)
    delay.watch()
  }
}

describe('work in the background', () => {
  let delay: LoopDelay
  afterEach(() => delay.close())

  it('starts at once when no requests come, however late the loop is', async () => {
    delay = new LoopDelay()
    const order: string[] = []
    void sleep(0).then(() => order.push('timer'))
    for (let i = 0; i < 100; i += 1) await delay.yieldToRequests().then(() => order.push('work'))
    expect(order).toEqual(Array.from({ length: 100 }, () => 'work'))
  })

  it('takes turns while requests come and the loop is late, and goes on all the same', async () => {
    delay = new LoopDelay()
    await makeLate(delay)
    const order: number[] = []
    const work = Array.from({ length: 5 }, async (_, i) => {
      await delay.yieldToRequests()
      order.push(i)
    })
    await Promise.resolve()
    expect(order).toEqual([])
    await Promise.all(work)
    expect(order).toEqual([0, 1, 2, 3, 4])
  })

  it('does not wait when it is aborted, or when the process stops', async () => {
    delay = new LoopDelay()
    await makeLate(delay)
    const controller = new AbortController()
    const order: string[] = []
    const aborted = delay.yieldToRequests(controller.signal).then(() => order.push('aborted'))
    const others = Array.from({ length: 3 }, () => delay.yieldToRequests().then(() => order.push('closed')))
    controller.abort()
    await aborted
    expect(order).toEqual(['aborted'])
    delay.close()
    await Promise.all(others)
    expect(order).toHaveLength(4)
  })
})
