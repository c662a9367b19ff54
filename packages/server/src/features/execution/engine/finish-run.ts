import type { Platform } from '../../../platform/platform.ts'
import { appendEvents, endRun, Fenced, runUpdate, type Run, type RunError, type TerminalStatus } from '../runs/index.ts'
import { lockAttempt } from './claim-store.ts'

/** How a run ended. */
export interface Ending {
  readonly status: TerminalStatus
  readonly error: RunError | null
}

export const succeeded: Ending = { status: 'success', error: null }

export function failed(code: string, message: string, reasons?: RunError['reasons']): Ending {
  return { status: 'failed', error: { code, message, ...(reasons === undefined ? {} : { reasons }) } }
}

/** Writes the end of a run with its last events, in one transaction. Throws Fenced when the attempt holds it no longer. */
export async function finishRun(platform: Platform, run: Run, ending: Ending): Promise<Run> {
  const ended = await platform.db.transaction().execute(async (tx) => {
    if (!(await lockAttempt(tx, run))) throw new Fenced(`Attempt ${run.attempt} of run ${run.id} holds it no longer.`)
    const row = await endRun(tx, run.id, ending)
    const isSuccess = ending.status === 'success'
    await appendEvents(tx, row, [
      {
        kind: 'run_log',
        type: 'system',
        level: isSuccess ? 'info' : 'error',
        event: 'run_completed',
        message: ending.error?.message ?? 'The run has ended.',
        data: { status: ending.status, ...(ending.error === null ? {} : { error: ending.error }) },
      },
      runUpdate(row, 'completed'),
    ])
    return row
  })
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  platform.wake.wake('outbox', '')
  return ended
}
