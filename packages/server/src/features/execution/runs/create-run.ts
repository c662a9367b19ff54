import { violatesUnique } from '../../../platform/db/database.ts'
import type { KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import type { Call } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { insertPreparedRun, prepareRun, type PreparedRun } from './prepare-run.ts'
import { findRepeatedRun, originOf } from './run-origin.ts'
import type { RunRequest } from './run-request.ts'
import type { Run } from './run.ts'

type RunCall = Pick<
  Call<'application', never, Record<never, never>, never>,
  'db' | 'scope' | 'platform' | 'idempotency' | 'change'
> & {
  readonly caller: UserCaller | KeyCaller
}

/**
 * Checks that the run can start, and writes it with its first event. Nothing is written when it can't:
 * throws what `prepareRun` throws.
 */
export async function createRun(call: RunCall, agentReference: string, request: RunRequest): Promise<Run> {
  const repeated = await findRepeatedRun(call)
  if (repeated !== undefined) return repeated
  const run = await insert(call, await prepareRun(call, agentReference, request))
  call.platform.wake.wake('runs', '')
  call.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  return run
}

async function insert(call: RunCall, prepared: PreparedRun): Promise<Run> {
  const { scope, caller, idempotency } = call
  const origin = { ...originOf(caller), scheduleId: null, scheduledFor: null }
  try {
    return await call.change(
      (tx) => insertPreparedRun(tx, scope, { prepared, origin, idempotency }),
      (run) => toWireId('run', run.id),
    )
  } catch (error) {
    const made = violatesUnique(error, 'runs_idempotency') ? await findRepeatedRun(call) : undefined
    if (made === undefined) throw error
    return made
  }
}
