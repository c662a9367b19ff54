import { describe, expect, it } from 'vitest'
import { isTerminal, runStatuses, runTransitions, statusesBefore } from './run.ts'

describe('the lifecycle of a run', () => {
  it('has exactly the transitions of the contract', () => {
    expect(runTransitions).toEqual({
      pending: ['running', 'failed', 'cancelled'],
      running: ['waiting', 'success', 'failed', 'timeout', 'cancelled'],
      waiting: ['running', 'failed', 'timeout', 'cancelled'],
      success: [],
      failed: [],
      timeout: [],
      cancelled: [],
    })
  })

  it('lists every status once', () => expect([...runStatuses].sort()).toEqual(Object.keys(runTransitions).sort()))

  it.each(runStatuses)('from %s, statusesBefore is the inverse of the table', (from) => {
    for (const to of runStatuses)
      expect(statusesBefore(to).includes(from)).toBe(runTransitions[from].some((next) => next === to))
  })

  it('is terminal exactly where nothing follows', () => {
    expect(runStatuses.filter(isTerminal)).toEqual(['success', 'failed', 'timeout', 'cancelled'])
  })
})
