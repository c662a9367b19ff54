import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { job } from '../../../platform/jobs/job.ts'
import { cancelLockedRun, wakeAfterCancel } from '../runs/index.ts'
import { lockRunningRunsOfSuspended } from './suspended-run-store.ts'

const batchMax = 50
const by = 'the suspension of its organization'

/**
 * Cancels the running runs of suspended organizations. Repeated without a wake-up too, because a worker may have been
 * claiming a run while its organization was suspended.
 */
export const cancelSuspendedRuns = job({
  name: 'cancel-suspended-runs',
  everyMs: 2_000,
  wakes: ['suspensions'],
  async run({ db, wake }) {
    const cancelled = await db.transaction().execute(async (tx) => {
      const runs = await lockRunningRunsOfSuspended(tx, batchMax)
      for (const run of runs) {
        const entry = `The run was cancelled by ${by}.`
        await cancelLockedRun(tx, run.id, { by, entry, code: 'organization-suspended' })
        await insertAuditEntry(tx, {
          action: 'run.cancelled',
          actor: { kind: 'system', part: 'suspensions' },
          scope: run,
          resourceId: toWireId('run', run.id),
        })
      }
      return runs
    })
    for (const run of cancelled) wakeAfterCancel(wake, run)
    return cancelled.length === batchMax
  },
})
