import { describe, expect, it } from 'vitest'
import { createTraffic, type Passage, type Traffic } from './traffic.ts'

const route = { webhookId: 'w', organizationId: 'o' }
const quick: Passage = { result: 'taken', latencyMs: 20 }
const slow: Passage = { result: 'taken', latencyMs: 9_000 }
const refused: Passage = { result: 'refused', latencyMs: 20 }
const silent: Passage = { result: 'silent', latencyMs: 15_000 }

function pass(traffic: Traffic, ...passages: Passage[]): void {
  for (const passage of passages) {
    traffic.begin(route)
    traffic.end(route, passage)
  }
}

describe('traffic', () => {
  it('begins with two at a time and grows to ten with quick successes', () => {
    const traffic = createTraffic()
    expect(traffic.roomOf('w')).toBe(2)
    pass(traffic, quick)
    expect(traffic.roomOf('w')).toBe(3)
    pass(traffic, ...Array<Passage>(20).fill(quick))
    expect(traffic.roomOf('w')).toBe(10)
    pass(traffic, slow)
    expect(traffic.roomOf('w')).toBe(10)
  })

  it('leaves a silent receiver one at a time, and lets it grow again when it answers', () => {
    const traffic = createTraffic()
    pass(traffic, quick, quick, silent)
    expect(traffic.roomOf('w')).toBe(1)
    pass(traffic, silent, silent)
    expect(traffic.roomOf('w')).toBe(1)
    pass(traffic, quick)
    expect(traffic.roomOf('w')).toBe(2)
  })

  it('halves what a refusing receiver gets', () => {
    const traffic = createTraffic()
    pass(traffic, ...Array<Passage>(8).fill(quick))
    expect(traffic.roomOf('w')).toBe(10)
    pass(traffic, refused)
    expect(traffic.roomOf('w')).toBe(5)
    pass(traffic, refused, refused, refused, refused)
    expect(traffic.roomOf('w')).toBe(1)
  })

  it('counts what is on its way, by receiver and by organization', () => {
    const traffic = createTraffic()
    traffic.begin(route)
    traffic.begin({ webhookId: 'v', organizationId: 'o' })
    traffic.begin(route)
    expect([traffic.inFlight, traffic.inFlightTo('w'), traffic.inFlightOf('o'), traffic.roomOf('w')]).toEqual([
      3,
      2,
      2 + 1,
      0,
    ])
    traffic.end(route, undefined)
    expect([traffic.inFlight, traffic.inFlightTo('w'), traffic.inFlightOf('o'), traffic.roomOf('w')]).toEqual([
      2, 1, 2, 1,
    ])
  })

  it('knows which of it may be slow, whenever a receiver turns quick or slow', () => {
    const traffic = createTraffic()
    for (let count = 0; count < 3; count += 1) traffic.begin(route)
    expect([traffic.slowInFlight, traffic.isQuick('w')]).toEqual([3, false])
    traffic.end(route, quick)
    expect([traffic.slowInFlight, traffic.isQuick('w')]).toEqual([0, true])
    traffic.end(route, slow)
    expect([traffic.slowInFlight, traffic.isQuick('w')]).toEqual([1, false])
    traffic.end(route, refused)
    expect([traffic.slowInFlight, traffic.isQuick('w')]).toEqual([0, true])
  })

  it('remembers a bounded number of receivers, and all that have something on its way', () => {
    const traffic = createTraffic(2)
    pass(traffic, quick)
    traffic.begin({ webhookId: 'busy', organizationId: 'o' })
    for (const webhookId of ['a', 'b', 'c']) {
      traffic.begin({ webhookId, organizationId: 'o' })
      traffic.end({ webhookId, organizationId: 'o' }, quick)
    }
    expect(['w', 'a', 'b', 'c'].map((webhookId) => traffic.roomOf(webhookId))).toEqual([2, 2, 2, 3])
    expect(traffic.inFlightTo('busy')).toBe(1)
  })
})
