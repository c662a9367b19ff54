import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { holdEndUser, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { Agent, AgentVersion } from '../../catalog/agents/index.ts'
import { appendEvents, runUpdate } from './journal-store.ts'
import { insertRun } from './new-run-store.ts'
import { startOf, type RunOrigin } from './prepare-run.ts'
import { openRunWith, sealEvents, sealRunError, sealStart } from './run-content.ts'
import type { RunRequest } from './run-request.ts'
import { endRun } from './run-store.ts'
import type { Run, RunError } from './run.ts'

/** A run that nobody waits for an answer of, such as a schedule's, and that can't start. */
export interface FailedStart {
  readonly agent: Agent
  readonly version: AgentVersion
  readonly request: RunRequest
  readonly origin: RunOrigin
  readonly error: RunError
  /** Under which its content is kept. */
  readonly seal: ContentSeal
}

/** Writes a run that has failed before it began, with its journal and its event for others. */
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
    ...sealEvents(seal, [
      {
        kind: 'run_log',
        type: 'system',
        level: 'error',
        event: 'run_completed',
        message: error.message,
        data: { status: 'failed', error },
      },
    ]),
    runUpdate(failed, 'completed'),
  ])
  return openRunWith(seal, failed)
}
