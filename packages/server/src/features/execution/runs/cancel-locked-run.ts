import type { Tx } from '../../../platform/db/database.ts'
import type { Wake } from '../../../platform/wake/wake.ts'
import { appendEvents, runUpdate } from './journal-store.ts'
import { endRun } from './run-store.ts'
import type { StoredRun } from './run.ts'

/** Cancels a run that the transaction has locked, with the end of its journal. `by` completes "Cancelled by …". */
export async function cancelLockedRun(
  tx: Tx,
  id: string,
  { by, entry }: { readonly by: string; readonly entry: string },
): Promise<StoredRun> {
  const cancelled = await endRun(tx, id, {
    status: 'cancelled',
    error: { code: 'cancelled', message: `Cancelled by ${by}.` },
  })
  await appendEvents(tx, cancelled, [
    {
      kind: 'run_log',
      type: 'system',
      level: 'info',
      event: 'run_completed',
      message: entry,
      data: { status: 'cancelled' },
    },
    runUpdate(cancelled, 'cancelled'),
  ])
  return cancelled
}

/** Once the cancel is committed: stops the run's worker, and wakes its readers. */
export function wakeAfterCancel(wake: Wake, run: Pick<StoredRun, 'id' | 'applicationId'>): void {
  wake.wake('cancel', run.id)
  wake.wake('events', `${run.applicationId}:${run.id}`)
  wake.wake('outbox', '')
}
