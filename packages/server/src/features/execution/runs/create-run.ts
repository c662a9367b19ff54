import { violatesUnique } from '../../../platform/db/database.ts'
import type { KeyCaller, UserCaller } from '../../../platform/http/caller.ts'
import type { Call } from '../../../platform/http/endpoint.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency.ts'
import { problem } from '../../../platform/http/problem.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { insertPreparedRun, prepareRun, type PreparedRun } from './prepare-run.ts'
import { openRun } from './run-content.ts'
import type { RunRequest } from './run-request.ts'
import { findRunOfKey } from './run-store.ts'
import type { Run, StoredRun } from './run.ts'

type RunCall = Pick<Call<'application', never, Record<never, never>, never>, 'db' | 'scope' | 'platform' | 'idempotency' | 'change'> & {
  readonly caller: UserCaller | KeyCaller
}

/**
 * Checks that the run can start, and writes it with its first event. Nothing is written when it can't:
 * throws what `prepareRun` throws.
 */
export async function createRun(call: RunCall, agentReference: string, request: RunRequest): Promise<Run> {
  const repeated = await findRepeated(call)
  if (repeated !== undefined) return repeated
  const run = await insert(call, await prepareRun(call, agentReference, request))
  call.platform.wake.wake('runs', '')
  call.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  return run
}

// The key is on the run's row too: a crash between the commit and the stored reply never makes a second run.
async function findRepeated({ db, scope, platform, idempotency }: RunCall): Promise<Run | undefined> {
  if (idempotency === undefined) return undefined
  const made = await findRunOfKey(db, scope, idempotency.keyHash)
  return made === undefined ? undefined : openRun(platform, sameRequest(made, idempotency))
}

function sameRequest(made: { run: StoredRun; bodyHash: Buffer | null }, idempotency: IdempotencyKey): StoredRun {
  if (made.bodyHash?.equals(idempotency.bodyHash) === true) return made.run
  throw problem('idempotency-key-reuse', { detail: 'This Idempotency-Key was used with another body: take a new key for a new request.' })
}

async function insert(call: RunCall, prepared: PreparedRun): Promise<Run> {
  const { scope, caller, idempotency } = call
  const origin = {
    userId: caller.kind === 'user' ? caller.userId : null,
    apiKeyId: caller.kind === 'api-key' ? caller.keyId : null,
    scheduleId: null,
    scheduledFor: null,
  }
  try {
    return await call.change(
      (tx) => insertPreparedRun(tx, scope, { prepared, origin, idempotency }),
      (run) => toWireId('run', run.id),
    )
  } catch (error) {
    const made = idempotency !== undefined && violatesUnique(error, 'runs_idempotency') ? await findRunOfKey(call.db, scope, idempotency.keyHash) : undefined
    if (made === undefined || idempotency === undefined) throw error
    return openRun(call.platform, sameRequest(made, idempotency))
  }
}
