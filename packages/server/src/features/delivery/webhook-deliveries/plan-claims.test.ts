import { describe, expect, it } from 'vitest'
import { createTraffic, planClaims, type Destination, type Traffic } from './traffic.ts'

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

describe('planning what to claim', () => {
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
