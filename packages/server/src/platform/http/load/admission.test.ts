import { describe, expect, it } from 'vitest'
import { Admission, type Entrant } from './admission.ts'

const limit = 90
const read = (owner: string): Entrant => ({ owner, isKnown: true, isCreation: false })
const creation = (owner: string): Entrant => ({ owner, isKnown: true, isCreation: true })
const stranger = (owner: string): Entrant => ({ owner, isKnown: false, isCreation: false })

/** Each of the senders tries in turn, until none of them may start another request. Returns how many each started. */
function fill(admission: Admission, senders: readonly Entrant[]): number[] {
  const started = senders.map(() => 0)
  for (let isMore = true; isMore; ) {
    isMore = false
    senders.forEach((sender, i) => {
      if (admission.enter(sender, limit) === undefined) return
      started[i] = (started[i] ?? 0) + 1
      isMore = true
    })
  }
  return started
}

describe('the admission of requests', () => {
  it('gives most of the limit to an organization that is the only one, and never more than the limit', () => {
    const [started = 0] = fill(new Admission(), [read('a')])
    expect(started).toBeGreaterThanOrEqual(limit * 0.85)
    expect(started).toBeLessThanOrEqual(limit)
  })

  it('gives equal shares to organizations that ask for as much as they can', () => {
    const started = fill(new Admission(), ['a', 'b', 'c', 'd'].map(read))
    expect(Math.max(...started) - Math.min(...started)).toBeLessThanOrEqual(1)
  })

  it('starts requests of another organization however much one has in progress, and balances them later', () => {
    const admission = new Admission()
    const ends = Array.from({ length: 200 }, () => admission.enter(read('flood'), limit * 4))
    expect(admission.total).toBeGreaterThan(limit * 1.5)
    const [calm = 0] = fill(admission, [read('calm')])
    expect(calm).toBeGreaterThan(limit / 8)
    for (const end of ends) end?.()
    const [flood = 0, more = 0] = fill(admission, [read('flood'), read('calm')])
    expect(flood).toBeGreaterThan(limit / 3)
    expect(calm + more).toBeGreaterThan(limit / 3)
  })

  it('refuses creations before reads', () => {
    const admission = new Admission()
    const [creations = 0] = fill(admission, [creation('a')])
    const [reads = 0] = fill(admission, [read('a')])
    expect(creations).toBeLessThan(limit * 0.7)
    expect(reads).toBeGreaterThan(limit * 0.15)
    expect(admission.enter(creation('a'), limit)).toBeUndefined()
  })

  it('gives unknown senders together at most half of the limit, and each of them something', () => {
    const admission = new Admission()
    fill(admission, [stranger('192.0.2.1')])
    expect(admission.enter(stranger('192.0.2.2'), limit)).toBeDefined()
    fill(
      admission,
      Array.from({ length: 500 }, (_, i) => stranger(`198.51.100.${i}`)),
    )
    expect(admission.total).toBeLessThanOrEqual(limit * 0.65)
    expect(fill(admission, [read('a')])[0]).toBeGreaterThan(limit / 8)
  })

  it('counts a request once, however often it ends, and forgets its owner', () => {
    const admission = new Admission()
    const end = admission.enter(read('a'), limit)
    end?.()
    end?.()
    expect(admission.total).toBe(0)
    expect([admission.takePeak(), admission.takePeak()]).toEqual([1, 0])
  })
})
