import type { Db } from '../../../platform/db/database.ts'
import type { WatchedTurn } from '../engine/index.ts'
import { longestFruitlessHolds } from '../runs/index.ts'

/** Slot times after which a call of a model can be stopped for an organization without any slot. */
const callSlots = 5
/** Runs whose journals are read at a time. */
const readMax = 50

/** A run in execution, as handovers see it. */
export interface Held {
  readonly organizationId: string
  readonly turn: WatchedTurn
}

/** A run in the middle of a model's answer. */
interface Calling extends Held {
  readonly runId: string
}

export interface Stopping {
  readonly active: ReadonlyMap<string, Held>
  /** Runs in execution by organization, over all workers. */
  readonly held: ReadonlyMap<string, number>
  readonly slotMs: number
  /** How many runs to stop. */
  readonly count: number
}

/**
 * The runs that give up their slots in the middle of a model's answer, at most `count`: those that have had them
 * longest, of the organizations that have most. Their calls have taken five slot times, and twice as long as any
 * earlier turn in which the run got no further, so that every call gets the time that it needs in the end.
 */
export async function runsToStop(db: Db, { active, held, slotMs, count }: Stopping): Promise<string[]> {
  const left = new Map(held)
  const slotsOf = ({ organizationId }: Held) => left.get(organizationId) ?? 0
  const order = (a: Calling, b: Calling) => slotsOf(b) - slotsOf(a) || b.turn.heldMs() - a.turn.heldMs()
  const calling = [...active]
    .map(([runId, { organizationId, turn }]) => ({ runId, organizationId, turn }))
    .filter(({ turn }) => !turn.signal.aborted && turn.calledMs() >= callSlots * slotMs)
    .sort(order)
    .slice(0, readMax)
  if (count <= 0 || calling.length === 0) return []
  const earlier = await longestFruitlessHolds(
    db,
    calling.map(({ runId }) => runId),
  )
  const long = calling.filter(({ runId, turn }) => turn.calledMs() >= 2 * (earlier.get(runId) ?? 0))
  const stopped: string[] = []
  while (stopped.length < count) {
    const [next] = long.sort(order).splice(0, 1)
    if (next === undefined) break
    left.set(next.organizationId, slotsOf(next) - 1)
    stopped.push(next.runId)
  }
  return stopped
}
