import { Type } from 'typebox'
import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedBatch, ErasedEndUser, EraseHook } from '../../../platform/hooks/hooks.ts'
import { wakeAfterCancel } from './end-run.ts'
import { appendEvents } from './journal/journal-store.ts'
import { runUpdate } from './journal/stored-entry.ts'
import { anonymiseOutbox, anonymiseRuns, deleteJournals, lockRunsOf, lockUnfinishedRunOf } from './run-erasure-store.ts'
import { endRun } from './run-store.ts'

const count = Type.Integer({ minimum: 0 })
/** The content of a run can be some megabytes. */
const runsMax = 50

/** Cancels an end-user's runs, and removes their content; the runs stay for billing. */
export const eraseRuns: EraseHook = {
  order: 10,
  report: {
    runs: Type.Object({
      anonymised: { ...count, description: 'The runs stay for billing, without content and without the end-user.' },
      cancelled: { ...count, description: 'The anonymised runs that had not ended.' },
    }),
    runEvents: Type.Object({ deleted: count }),
  },
  async erase(tx, whose, limit) {
    const unfinished = await lockUnfinishedRunOf(tx, whose)
    if (unfinished !== undefined) return cancelAndErase(tx, unfinished)
    const detached = await anonymiseOutbox(tx, whose, limit)
    return detached > 0 ? batchOf({ rows: detached }) : eraseEnded(tx, whose, limit)
  },
}

/** One run in one transaction: until its commit the worker goes on, and needs the journal. */
async function cancelAndErase(tx: Tx, id: string): Promise<ErasedBatch> {
  const events = await deleteJournals(tx, [id])
  await anonymiseRuns(tx, [id])
  // After the run is detached from the end-user, so that the event of its end is not the end-user's either.
  const run = await endRun(tx, id, {
    status: 'cancelled',
    error: { code: 'cancelled', message: 'Cancelled because its end-user was erased.' },
  })
  await appendEvents(tx, run, [runUpdate(run, 'cancelled')])
  return {
    ...batchOf({ rows: events + 1, runs: 1, cancelled: 1, events }),
    afterCommit: ({ wake }) => wakeAfterCancel(wake, run),
  }
}

async function eraseEnded(tx: Tx, whose: ErasedEndUser, limit: number): Promise<ErasedBatch> {
  const ids = await lockRunsOf(tx, whose, runsMax)
  if (ids.length === 0) return batchOf({ rows: 0 })
  const events = await deleteJournals(tx, ids, limit)
  // The runs stay attached while entries are left: through the runs the next batch finds them.
  if (events >= limit) return batchOf({ rows: events, events })
  await anonymiseRuns(tx, ids)
  return { ...batchOf({ rows: events + ids.length, runs: ids.length, events }) }
}

interface Done {
  readonly rows: number
  readonly runs?: number
  readonly cancelled?: number
  readonly events?: number
}

function batchOf({ rows, runs = 0, cancelled = 0, events = 0 }: Done): ErasedBatch {
  return { rows, counts: { runs: { anonymised: runs, cancelled }, runEvents: { deleted: events } } }
}
