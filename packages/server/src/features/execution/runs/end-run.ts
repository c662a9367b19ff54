import type { AppScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { Wake } from '../../../platform/wake/wake.ts'
import { holdEndUser, plainSeal, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { Agent, AgentVersion } from '../../catalog/agents/index.ts'
import { appendEvents, Fenced } from './journal/journal-store.ts'
import { runCompleted, type LogEntry } from './journal/log-entries.ts'
import { runUpdate, sealEntries } from './journal/stored-entry.ts'
import { startOf, type RunOrigin } from './prepare-run.ts'
import { unsealRunWith, sealRunError, sealStart } from './run-content.ts'
import type { RunRequest } from './run-request.ts'
import { endRun, insertRun, lockAttempt } from './run-store.ts'
import type { Run, RunError, StoredRun, TerminalStatus } from './run.ts'

/** How a run ended. */
export interface Ending {
  readonly status: TerminalStatus
  readonly error: RunError | null
  /** Log entries to write before the final one. */
  readonly entries?: readonly LogEntry[]
}

/** Writes the end of an attempt's run with its last entries, in one transaction. Throws Fenced. */
export async function finishRun(
  { db, wake }: Pick<Platform, 'db' | 'wake'>,
  run: Run,
  ending: Ending,
): Promise<StoredRun> {
  const { status, error, entries = [] } = ending
  const ended = await db.transaction().execute(async (tx) => {
    if (!(await lockAttempt(tx, run))) throw new Fenced(`Attempt ${run.attempt} no longer holds run ${run.id}.`)
    const row = await endRun(tx, run.id, {
      status,
      error: error === null ? null : sealRunError(run.seal, error),
    })
    await appendEvents(tx, row, [
      ...sealEntries(run.seal, [...entries, runCompleted(status, error)]),
      runUpdate(row, 'completed'),
    ])
    return row
  })
  wakeReaders(wake, run)
  return ended
}

/**
 * Cancels a run that the transaction has locked. `by` completes "Cancelled by …"; `entry` is its log entry's text;
 * `code` is the code of the run's error.
 */
export async function cancelLockedRun(
  tx: Tx,
  id: string,
  { by, entry, code = 'cancelled' }: { readonly by: string; readonly entry: string; readonly code?: string },
): Promise<StoredRun> {
  const cancelled = await endRun(tx, id, {
    status: 'cancelled',
    error: { code, message: `Cancelled by ${by}.` },
  })
  await appendEvents(tx, cancelled, [
    ...sealEntries(plainSeal, [runCompleted('cancelled', null, entry)]),
    runUpdate(cancelled, 'cancelled'),
  ])
  return cancelled
}

/** After the commit of a cancel: stops the run's worker and wakes the readers of the run. */
export function wakeAfterCancel(wake: Wake, run: Pick<StoredRun, 'id' | 'applicationId'>): void {
  wake.wake('cancel', run.id)
  wakeReaders(wake, run)
}

function wakeReaders(wake: Wake, run: Pick<StoredRun, 'id' | 'applicationId'>): void {
  wake.wake('events', `${run.applicationId}:${run.id}`)
  wake.wake('outbox', '')
}

/** A run without a request to answer, such as a schedule's, that cannot start. */
export interface FailedStart {
  readonly agent: Agent
  readonly version: AgentVersion
  readonly request: RunRequest
  readonly origin: RunOrigin
  readonly error: RunError
  /** The seal of the run's content. */
  readonly seal: ContentSeal
}

/** Writes a run that failed before it could start, with its journal and its outbox event. */
export async function recordFailedRun(
  tx: Tx,
  scope: AppScope,
  { agent, version, request, origin, error, seal }: FailedStart,
): Promise<Run> {
  await holdEndUser(tx, scope)
  const start = sealStart(seal, startOf({ agent, version }, request))
  const run = await insertRun(tx, scope, { ...start, ...origin, modelRowId: null, model: null, idempotency: undefined })
  const failed = await endRun(tx, run.id, { status: 'failed', error: sealRunError(seal, error) })
  await appendEvents(tx, failed, [
    ...sealEntries(seal, [runCompleted('failed', error)]),
    runUpdate(failed, 'completed'),
  ])
  return unsealRunWith(seal, failed)
}
