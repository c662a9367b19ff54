import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/http/caller.ts'
import type { Agent, AgentVersion } from '../../catalog/agents/index.ts'
import { appendEvents, runUpdate } from './journal-store.ts'
import { insertRun } from './new-run-store.ts'
import { startOf, type RunOrigin } from './prepare-run.ts'
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
}

/** Writes a run that has failed before it began, with its journal and its event for others. */
export async function recordFailedRun(tx: Tx, scope: AppScope, { agent, version, request, origin, error }: FailedStart): Promise<Run> {
  const run = await insertRun(tx, scope, { ...startOf({ agent, version }, request), ...origin, modelRowId: null, model: null, idempotency: undefined })
  const failed = await endRun(tx, run.id, { status: 'failed', error })
  await appendEvents(tx, failed, [
    { kind: 'run_log', type: 'system', level: 'error', event: 'run_completed', message: error.message, data: { status: 'failed', error } },
    runUpdate(failed, 'completed'),
  ])
  return failed
}
