import { describe, expect, it } from 'vitest'
import { makePlan } from './plan.ts'

describe.each(['embedded', 'services'] as const)('a chaos plan for the tier %s', (tier) => {
  it('follows from its seed alone', () => {
    const plan = makePlan({ seed: 7, tier, seconds: 120 })
    expect(makePlan({ seed: 7, tier, seconds: 120 })).toEqual(plan)
    const other = makePlan({ seed: 8, tier, seconds: 120 })
    expect(other.faults).not.toEqual(plan.faults)
    expect(other.actions).not.toEqual(plan.actions)
  })

  it('has every kind of fault and of action within two minutes, whatever the seed', () => {
    const kindsOf = (seed: number) => {
      const { faults, actions } = makePlan({ seed, tier, seconds: 120 })
      return [...new Set([...faults, ...actions].map(({ kind }) => kind))].sort()
    }
    const expected = kindsOf(0)
    expect(expected).toHaveLength(tier === 'embedded' ? 20 : 26)
    for (let seed = 1; seed <= 50; seed += 1) expect(kindsOf(seed), `seed ${seed}`).toEqual(expected)
  })

  it('ends every fault within seconds, and begins none after its time', () => {
    for (let seed = 0; seed < 50; seed += 1)
      for (const { atMs, forMs } of makePlan({ seed, tier, seconds: 30 }).faults) {
        expect(atMs).toBeLessThanOrEqual(30_000)
        expect(forMs).toBeLessThanOrEqual(3_000)
      }
  })
})
