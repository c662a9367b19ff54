import { Type } from 'typebox'
import type { Tx } from '../../../platform/db/database.ts'
import type { EraseHook } from '../../../platform/hooks/hooks.ts'
import { wakeAfterCancel } from './end-run.ts'
import { appendEvents } from './journal/journal-store.ts'
import { runUpdate } from './journal/stored-entry.ts'
import { anonymiseOutbox, anonymiseRuns, deleteJournals, lockRunsOf } from './run-erasure-store.ts'
import { endRun } from './run-store.ts'
import type { StoredRun } from './run.ts'

const count = Type.Integer({ minimum: 0 })

/** Cancels an end-user's runs, and removes their content; the runs stay for billing. */
export const eraseRuns: EraseHook = {
  order: 20,
  report: {
    runs: Type.Object({
      anonymised: { ...count, description: 'The runs stay for billing, without content and without the end-user.' },
      cancelled: { ...count, description: 'The anonymised runs that had not ended.' },
    }),
    runEvents: Type.Object({ deleted: count }),
  },
  async lock(tx, whose) {
    const unfinishedIds = await lockRunsOf(tx, whose)
    return async () => {
      const events = await deleteJournals(tx, whose)
      await anonymiseOutbox(tx, whose)
      const anonymised = await anonymiseRuns(tx, whose)
      // After the runs are detached from the end-user, so that the events of their end are not the end-user's either.
      const cancelled = await cancelAll(tx, unfinishedIds)
      return {
        report: { runs: { anonymised, cancelled: cancelled.length }, runEvents: { deleted: events } },
        afterCommit({ wake }) {
          for (const run of cancelled) wakeAfterCancel(wake, run)
          wake.wake('outbox', '')
        },
      }
    }
  },
}

async function cancelAll(tx: Tx, runIds: readonly string[]): Promise<StoredRun[]> {
  const cancelled: StoredRun[] = []
  for (const id of runIds) {
    const run = await endRun(tx, id, {
      status: 'cancelled',
      error: { code: 'cancelled', message: 'Cancelled because its end-user was erased.' },
    })
    await appendEvents(tx, run, [runUpdate(run, 'cancelled')])
    cancelled.push(run)
  }
  return cancelled
}
