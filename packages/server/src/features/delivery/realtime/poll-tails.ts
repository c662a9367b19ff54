import { findRunStates, isTerminal, type RunState } from '../../execution/runs/index.ts'
import type { RealtimeHub } from './realtime-hub.ts'
import type { Tail } from './tail.ts'

/** Runs checked in one query. */
const batchRunsMax = 1_000

/**
 * Fallback for lost wake-ups: checks all followed runs together, and reads only those with new events.
 * Ends the streams of a run that was deleted, or that has ended with all its events sent.
 */
export async function pollTails(hub: RealtimeHub, tails: Iterable<Tail>): Promise<void> {
  const runs: { runId: string; tail: Tail }[] = []
  for (const tail of tails) {
    if (tail.source.kind === 'run') runs.push({ runId: tail.source.runId, tail })
    else tail.wake()
  }
  for (let first = 0; first < runs.length; first += batchRunsMax) {
    const batch = runs.slice(first, first + batchRunsMax)
    const states = await hub.read((db) =>
      findRunStates(
        db,
        batch.map(({ runId }) => runId),
      ),
    )
    for (const { runId, tail } of batch) catchUp(tail, states.get(runId))
  }
}

function catchUp(tail: Tail, state: RunState | undefined): void {
  if (state !== undefined && state.lastSeq > tail.position.position) return tail.wake()
  if (state !== undefined && !isTerminal(state.status)) return
  for (const subscriber of tail.subscribers) subscriber.end()
}
