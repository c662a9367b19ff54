import type { Platform } from '../../../platform/platform.ts'
import {
  appendEvents,
  endRun,
  Fenced,
  runUpdate,
  sealEvents,
  sealRunError,
  type NewEvent,
  type Run,
  type RunError,
  type StoredRun,
  type TerminalStatus,
} from '../runs/index.ts'
import { lockAttempt } from './claim-store.ts'

/** How a run ended. */
export interface Ending {
  readonly status: TerminalStatus
  readonly error: RunError | null
  /** What the log is told before its last entry. */
  readonly entries?: readonly NewEvent[]
}

export const succeeded: Ending = { status: 'success', error: null }

export function failed(code: string, message: string, reasons?: RunError['reasons']): Ending {
  return { status: 'failed', error: { code, message, ...(reasons === undefined ? {} : { reasons }) } }
}

/** Writes the end of a run with its last events, in one transaction. Throws Fenced when the attempt holds it no longer. */
export async function finishRun(platform: Platform, run: Run, ending: Ending): Promise<StoredRun> {
  const ended = await platform.db.transaction().execute(async (tx) => {
    if (!(await lockAttempt(tx, run))) throw new Fenced(`Attempt ${run.attempt} of run ${run.id} holds it no longer.`)
    const row = await endRun(tx, run.id, {
      status: ending.status,
      error: ending.error === null ? null : sealRunError(run.seal, ending.error),
    })
    await appendEvents(tx, row, [
      ...sealEvents(run.seal, [...(ending.entries ?? []), lastEntry(ending)]),
      runUpdate(row, 'completed'),
    ])
    return row
  })
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  platform.wake.wake('outbox', '')
  return ended
}

function lastEntry({ status, error }: Ending): NewEvent {
  return {
    kind: 'run_log',
    type: 'system',
    level: status === 'success' ? 'info' : 'error',
    event: 'run_completed',
    message: error?.message ?? 'The run has ended.',
    data: { status, ...(error === null ? {} : { error }) },
  }
}
