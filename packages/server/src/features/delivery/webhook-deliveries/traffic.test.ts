import { describe, expect, it } from 'vitest'
import { createTraffic, planClaims, type Destination, type Passage, type Traffic } from './traffic.ts'

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

describe('planning what to claim', () => {
  const roomy = { max: 200, slowMax: 100 }
  const route = (webhookId: string, organizationId = 'o'): Destination => ({ webhookId, organizationId })
  const routes = (count: number, organizationId: string) =>
    Array.from({ length: count }, (_, index) => route(`${organizationId}${index}`, organizationId))

  function answersQuickly(traffic: Traffic, one: Destination, times = 20): void {
    for (let count = 0; count < times; count += 1) {
      traffic.begin(one)
      traffic.end(one, { result: 'taken', latencyMs: 10 })
    }
  }

  function plan(candidates: readonly Destination[], traffic: Traffic, slots = roomy): Record<string, number> {
    return Object.fromEntries(planClaims(candidates, traffic, slots).map(({ webhookId, count }) => [webhookId, count]))
  }

  it('gives each receiver its free window, not more', () => {
    const traffic = createTraffic()
    answersQuickly(traffic, route('quick'))
    traffic.begin(route('busy'))
    expect(plan([route('quick'), route('busy'), route('new')], traffic)).toEqual({ quick: 10, busy: 1, new: 2 })
    traffic.begin(route('busy'))
    expect(plan([route('busy')], traffic)).toEqual({})
  })

  it('shares slots evenly between organizations, regardless of how many webhooks they have', () => {
    const shares = plan([...routes(50, 'many'), ...routes(2, 'few')], createTraffic(), { max: 8, slowMax: 8 })
    const ofFew = Object.entries(shares).filter(([webhookId]) => webhookId.startsWith('few'))
    expect(ofFew.reduce((sum, [, count]) => sum + count, 0)).toBe(4)
    expect(Object.values(shares).reduce((sum, count) => sum + count, 0)).toBe(8)
  })

  it('makes an organization with many attempts in flight wait for the others', () => {
    const traffic = createTraffic()
    for (const one of routes(6, 'busy')) traffic.begin(one)
    expect(plan([...routes(6, 'busy'), ...routes(3, 'idle')], traffic, { max: 12, slowMax: 12 })).toEqual({
      idle0: 2,
      idle1: 2,
      idle2: 2,
    })
  })

  it('shares the slots of an organization evenly between its webhooks', () => {
    const traffic = createTraffic()
    answersQuickly(traffic, route('a'))
    answersQuickly(traffic, route('b'))
    expect(plan([route('a'), route('b')], traffic, { max: 6, slowMax: 6 })).toEqual({ a: 3, b: 3 })
  })

  it('keeps half of the slots for receivers that answer quickly', () => {
    const traffic = createTraffic()
    answersQuickly(traffic, route('quick', 'healthy'))
    const shares = plan([...routes(100, 'hanging'), route('quick', 'healthy')], traffic, { max: 20, slowMax: 10 })
    expect(shares['quick']).toBe(10)
    expect(Object.values(shares).reduce((sum, count) => sum + count, 0)).toBe(20)
    for (const one of routes(5, 'hanging')) [traffic.begin(one), traffic.begin(one)]
    expect(plan([...routes(100, 'hanging'), route('quick', 'healthy')], traffic, { max: 20, slowMax: 10 })).toEqual({
      quick: 10,
    })
  })

  it('serves all webhooks in turn when slots are scarce', () => {
    const traffic = createTraffic()
    const all = [...routes(30, 'many'), ...routes(2, 'few')]
    const served = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const shares = planClaims(all, traffic, { max: 4, slowMax: 4 })
      const begun = shares.flatMap(({ webhookId, count }) =>
        Array.from({ length: count }, () => route(webhookId, webhookId.replace(/\d+$/, ''))),
      )
      for (const one of begun) traffic.begin(one)
      for (const one of begun) traffic.end(one, { result: 'taken', latencyMs: 10 })
      for (const { webhookId } of begun) served.add(webhookId)
    }
    expect(served.size).toBe(32)
  })

  it('plans nothing without slots or candidates', () => {
    const traffic = createTraffic()
    traffic.begin(route('a'))
    expect(plan([route('b')], traffic, { max: 1, slowMax: 1 })).toEqual({})
    expect(plan([], traffic)).toEqual({})
  })
})
