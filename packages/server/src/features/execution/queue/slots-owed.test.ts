import { describe, expect, it } from 'vitest'
import { slotsOwed, type Demand } from './slots-owed.ts'

const slotMs = 60_000

/** Demand of organizations by name: the slots that they hold here, and who waits with which share. */
const demand = (
  here: Record<string, number>,
  waiting: readonly (readonly [string, number])[],
  over: { held?: Record<string, number>; longestMs?: number } = {},
): Demand => ({
  waiting: waiting.map(([organizationId, share], index) => ({ id: `run ${index}`, organizationId, share })),
  here: new Map(
    Object.entries(here).map(([id, count]) => [id, { count, longestMs: over.longestMs ?? 1_000 }] as const),
  ),
  held: new Map(Object.entries(over.held ?? here)),
  slotMs,
})
const owedIn = (about: Demand) => Object.fromEntries(slotsOwed(about))

describe('the slots that an organization owes', () => {
  it('are as many as bring the others to its number', () => {
    expect(
      owedIn(
        demand({ a: 6 }, [
          ['b', 1],
          ['b', 2],
          ['b', 3],
          ['b', 4],
        ]),
      ),
    ).toEqual({ a: 3 })
    expect(
      owedIn(
        demand({ a: 5 }, [
          ['b', 1],
          ['c', 1],
          ['b', 2],
          ['c', 2],
        ]),
      ),
    ).toEqual({ a: 3 })
  })

  it('come from those that have most', () => {
    expect(
      owedIn(
        demand({ a: 4, b: 2, c: 1 }, [
          ['d', 1],
          ['e', 1],
        ]),
      ),
    ).toEqual({ a: 2 })
    expect(
      owedIn(
        demand({ a: 3, b: 3 }, [
          ['c', 1],
          ['d', 1],
        ]),
      ),
    ).toEqual({ a: 1, b: 1 })
  })

  it('are none when it would want them back', () => {
    expect(owedIn(demand({ a: 2, b: 1 }, [['b', 2]]))).toEqual({})
    expect(owedIn(demand({ a: 5 }, [['a', 6]]))).toEqual({})
    expect(owedIn(demand({ a: 5 }, []))).toEqual({})
    // Here one organization has all slots, on another worker the other.
    expect(owedIn(demand({ a: 5 }, [['b', 6]], { held: { a: 5, b: 5 } }))).toEqual({})
  })

  it('are its only one, for an organization without any, once it has had it for the slot time', () => {
    expect(owedIn(demand({ a: 1 }, [['b', 1]]))).toEqual({})
    expect(owedIn(demand({ a: 1 }, [['b', 1]], { longestMs: slotMs }))).toEqual({ a: 1 })
    expect(owedIn(demand({ a: 1 }, [['b', 2]], { longestMs: slotMs }))).toEqual({})
  })

  it('are not more than it has on this worker', () => {
    expect(
      owedIn(
        demand(
          { a: 1 },
          [
            ['b', 1],
            ['c', 1],
            ['d', 1],
          ],
          { held: { a: 9 } },
        ),
      ),
    ).toEqual({ a: 1 })
  })
})
