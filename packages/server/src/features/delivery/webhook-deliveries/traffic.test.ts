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
  it('starts with a window of two and grows to ten with quick successes', () => {
    const traffic = createTraffic()
    expect(traffic.roomOf('w')).toBe(2)
    pass(traffic, quick)
    expect(traffic.roomOf('w')).toBe(3)
    pass(traffic, ...Array<Passage>(20).fill(quick))
    expect(traffic.roomOf('w')).toBe(10)
    pass(traffic, slow)
    expect(traffic.roomOf('w')).toBe(10)
  })

  it('reduces the window of a silent receiver to one, and grows it again when it answers', () => {
    const traffic = createTraffic()
    pass(traffic, quick, quick, silent)
    expect(traffic.roomOf('w')).toBe(1)
    pass(traffic, silent, silent)
    expect(traffic.roomOf('w')).toBe(1)
    pass(traffic, quick)
    expect(traffic.roomOf('w')).toBe(2)
  })

  it('halves the window of a refusing receiver', () => {
    const traffic = createTraffic()
    pass(traffic, ...Array<Passage>(8).fill(quick))
    expect(traffic.roomOf('w')).toBe(10)
    pass(traffic, refused)
    expect(traffic.roomOf('w')).toBe(5)
    pass(traffic, refused, refused, refused, refused)
    expect(traffic.roomOf('w')).toBe(1)
  })

  it('counts attempts in flight, by receiver and by organization', () => {
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

  it('updates the count of slow attempts when a receiver becomes quick or slow', () => {
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

  it('remembers a limited number of receivers, and all with attempts in flight', () => {
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
