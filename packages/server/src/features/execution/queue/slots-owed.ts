import type { WaitingRun } from './waiting-store.ts'

/** The runs of one organization that a worker executes. */
export interface HeldHere {
  readonly count: number
  /** How long the oldest of them has had its slot. */
  readonly longestMs: number
}

/** Who has slots of a full worker, and who waits for one. */
export interface Demand {
  /** Runs that have waited, in the order in which the worker would claim them. */
  readonly waiting: readonly WaitingRun[]
  readonly here: ReadonlyMap<string, HeldHere>
  /** Runs in execution by organization, over all workers. */
  readonly held: ReadonlyMap<string, number>
  /** How long a run keeps its slot when there are more organizations than slots. */
  readonly slotMs: number
}

/**
 * How many slots each organization must hand over. An organization gives a slot to one that has at least two fewer, so
 * that it never wants the slot back. Its only slot it gives, after the slot time, to an organization that has none.
 */
export function slotsOwed({ waiting, here, held, slotMs }: Demand): Map<string, number> {
  const left = new Map([...here].map(([id, { count }]) => [id, count]))
  const total = new Map([...here.keys()].map((id) => [id, held.get(id) ?? 0]))
  const owed = new Map<string, number>()
  const isDue = (id: string) => (here.get(id)?.longestMs ?? 0) >= slotMs
  for (const { organizationId, share } of waiting) {
    const givers = [...total].filter(([id]) => id !== organizationId && (left.get(id) ?? 0) > 0)
    const most = givers.reduce<readonly [string, number] | undefined>((a, b) => (a && a[1] >= b[1] ? a : b), undefined)
    const giver = most !== undefined && most[1] > share ? most : givers.find(([id]) => share === 1 && isDue(id))
    if (giver === undefined) continue
    const [id, count] = giver
    owed.set(id, (owed.get(id) ?? 0) + 1)
    left.set(id, (left.get(id) ?? 0) - 1)
    total.set(id, count - 1)
  }
  return owed
}
