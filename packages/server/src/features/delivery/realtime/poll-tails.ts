import type { Db } from '../../../platform/db/database.ts'
import { findLastPositions, findRunStates, isTerminal, type RunState } from '../../execution/runs/index.ts'
import type { Tail } from './tail.ts'

/** Sources checked in one query. */
const batchMax = 1_000

interface Reader {
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
}

/**
 * Fallback for lost wake-ups: looks up the last event of all followed sources together, and wakes only the tails that
 * have not reached it. Ends the streams of a run that was deleted, or that has ended with all its events sent.
 */
export async function pollTails(reader: Reader, tails: Iterable<Tail>): Promise<void> {
  const all = [...tails]
  for (let first = 0; first < all.length; first += batchMax) await pollBatch(reader, all.slice(first, first + batchMax))
}

async function pollBatch(reader: Reader, batch: readonly Tail[]): Promise<void> {
  const ids = { run: new Map<string, Tail>(), agent: new Map<string, Tail>(), application: new Map<string, Tail>() }
  for (const tail of batch) ids[tail.source.kind].set(idOf(tail), tail)
  if (ids.run.size > 0) {
    const states = await reader.read((db) => findRunStates(db, [...ids.run.keys()]))
    for (const [runId, tail] of ids.run) wakeOrEnd(tail, states.get(runId))
  }
  if (ids.agent.size + ids.application.size === 0) return
  const positions = await reader.read((db) =>
    findLastPositions(db, { agentIds: [...ids.agent.keys()], applicationIds: [...ids.application.keys()] }),
  )
  for (const [id, tail] of [...ids.agent, ...ids.application]) {
    if ((positions.get(id) ?? 0) > tail.position) tail.wake()
  }
}

function idOf({ source }: Tail): string {
  switch (source.kind) {
    case 'run':
      return source.runId
    case 'agent':
      return source.agentId
    case 'application':
      return source.applicationId
  }
}

function wakeOrEnd(tail: Tail, state: RunState | undefined): void {
  if (state !== undefined && state.lastSeq > tail.position) return tail.wake()
  if (state !== undefined && !isTerminal(state.status)) return
  for (const subscriber of tail.subscribers) subscriber.end()
}
