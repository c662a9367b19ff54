import type { Db } from '../../../platform/db/database.ts'
import { runsToStop, type Held, type Stopping } from './long-calls.ts'
import { slotsOwed, type HeldHere } from './slots-owed.ts'
import { countHeld, loadWaiting, type Claimant, type WaitingRun } from './waiting-store.ts'

/** A worker does not take a run back within this time after it has handed it over. */
const restMs = 3_000
const waitingMax = 50

/** Decides which runs of a full worker give their slots to other organizations. */
export interface Handovers {
  /** Runs that were handed over a moment ago. */
  resting(): string[]
  /** Whether a run of the organization must hand over its slot now. Each slot that is owed is given once. */
  take(runId: string, organizationId: string): boolean
  /**
   * Compares the runs that the worker executes with those that wait; to be called with every heartbeat. Stops runs that
   * have waited for their models for longer than the slot time; others hand over at their next step. For organizations
   * that have waited without any slot for the slot time, it also stops runs whose models answer without end.
   */
  settle(
    db: Db,
    claimant: Claimant,
    worker: { readonly isFull: boolean; readonly active: ReadonlyMap<string, Held> },
  ): Promise<void>
}

export function createHandovers(): Handovers {
  let owed = new Map<string, number>()
  let seenWaiting: ReadonlySet<string> = new Set()
  const rested = new Map<string, number>()
  const without = createWithoutSlots()

  const take = (runId: string, organizationId: string) => {
    const slots = owed.get(organizationId) ?? 0
    if (slots === 0) return false
    owed.set(organizationId, slots - 1)
    rested.set(runId, performance.now())
    return true
  }
  const stopLongCalls = async (db: Db, about: Stopping) => {
    for (const runId of await runsToStop(db, about)) {
      const run = about.active.get(runId)
      // It may have ended meanwhile, or begun its next step.
      if (run === undefined || run.turn.signal.aborted || run.turn.calledMs() < about.slotMs) continue
      if (!take(runId, run.organizationId)) rested.set(runId, performance.now())
      run.turn.stop('handover')
    }
  }
  return {
    resting() {
      for (const [runId, sinceMs] of rested) if (performance.now() - sinceMs > restMs) rested.delete(runId)
      return [...rested.keys()]
    },
    take,
    async settle(db, claimant, { isFull, active }) {
      owed = new Map()
      const waiting = isFull ? await loadWaiting(db, claimant, waitingMax) : []
      // A run that waits for a moment only gets the next free slot.
      const stillWaiting = waiting.filter(({ id }) => seenWaiting.has(id))
      seenWaiting = new Set(waiting.map(({ id }) => id))
      const overdue = without.update(waiting, claimant.slotMs)
      if (stillWaiting.length === 0) return
      const here = countHere(active)
      const held = await countHeld(db, [...here.keys()])
      owed = slotsOwed({ waiting: stillWaiting, here, held, slotMs: claimant.slotMs })
      for (const [runId, { organizationId, turn }] of active) {
        const isSilent = turn.waitedMs() >= claimant.slotMs && !turn.signal.aborted
        if (isSilent && take(runId, organizationId)) turn.stop('handover')
      }
      const stopping = [...active.values()].filter(({ turn }) => turn.signal.aborted).length
      await stopLongCalls(db, { active, held, slotMs: claimant.slotMs, count: overdue - stopping })
    },
  }
}

/** Since when organizations wait that have no slot on any worker. */
function createWithoutSlots() {
  let sinceMs = new Map<string, number>()
  return {
    /** Replaces the runs that wait; returns how many such organizations have waited for the slot time. */
    update(waiting: readonly WaitingRun[], slotMs: number): number {
      const nowMs = performance.now()
      const ids = waiting.filter(({ share }) => share === 1).map(({ organizationId }) => organizationId)
      sinceMs = new Map(ids.map((id) => [id, sinceMs.get(id) ?? nowMs]))
      return [...sinceMs.values()].filter((since) => nowMs - since >= slotMs).length
    },
  }
}

function countHere(active: ReadonlyMap<string, Held>): Map<string, HeldHere> {
  const here = new Map<string, HeldHere>()
  for (const { organizationId, turn } of active.values()) {
    const { count, longestMs } = here.get(organizationId) ?? { count: 0, longestMs: 0 }
    here.set(organizationId, { count: count + 1, longestMs: Math.max(longestMs, turn.heldMs()) })
  }
  return here
}
