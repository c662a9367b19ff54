import type { AppScope, KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import { violatesUnique, type Db } from '../../../platform/db/database.ts'
import type { Call } from '../../../platform/http/endpoint.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency/idempotency.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { countRunStart } from '../../accounts/quotas/index.ts'
import { insertPreparedRun, prepareRun, type PreparedRun } from './prepare-run.ts'
import { unsealRun } from './run-content.ts'
import type { RunRequest } from './run-request.ts'
import { roomLimitOf, runRoom, type RoomLimit } from './room/run-room.ts'
import { findRunOfKey } from './run-store.ts'
import type { Run } from './run.ts'

/** The problems of an organization that has started too many runs. */
export const tooManyRuns = ['org-run-rate-limited', 'org-run-concurrency-exceeded'] as const

type RunCall = Pick<
  Call<'application', never, Record<never, never>, never>,
  'db' | 'scope' | 'platform' | 'idempotency' | 'change'
> & {
  readonly caller: UserCaller | KeyCaller
}

/**
 * Checks that the run can start, and writes it with its first event. Throws what `prepareRun` throws, and
 * `org-run-rate-limited` or `org-run-concurrency-exceeded`.
 */
export async function createRun(call: RunCall, agentReference: string, request: RunRequest): Promise<Run> {
  const repeated = await findRepeatedRun(call)
  if (repeated !== undefined) return repeated
  await countRunStart(call.platform, call.scope)
  const room = await roomLimitOf(call.platform, call.scope)
  const run = await insert(call, await prepareRun(call, agentReference, request), room)
  call.platform.wake.wake('runs', '')
  call.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  return run
}

async function insert(call: RunCall, prepared: PreparedRun, room: RoomLimit): Promise<Run> {
  const { scope, caller, idempotency, platform } = call
  const origin = { ...originOf(caller), scheduleId: null, scheduledFor: null }
  try {
    return await call.change(
      (tx) => {
        const admit = () => platform.use(runRoom).refuseWithoutRoom(tx, scope, room)
        return insertPreparedRun(tx, scope, { prepared, origin, idempotency, admit })
      },
      (run) => toWireId('run', run.id),
    )
  } catch (error) {
    const made = violatesUnique(error, 'runs_idempotency') ? await findRepeatedRun(call) : undefined
    if (made === undefined) throw error
    return made
  }
}

/** The caller who starts a run, as the run records it. */
export function originOf(caller: UserCaller | KeyCaller): {
  readonly userId: string | null
  readonly apiKeyId: string | null
} {
  return {
    userId: caller.kind === 'user' ? caller.userId : null,
    apiKeyId: caller.kind === 'api-key' ? caller.keyId : null,
  }
}

interface RepeatedCall {
  readonly db: Db
  readonly scope: AppScope
  readonly platform: Pick<Platform, 'db' | 'use'>
  readonly idempotency: IdempotencyKey | undefined
}

/**
 * The run that an earlier request with the same idempotency key created. The key is also on the run's row, so that a
 * crash between the commit and the stored reply never creates a second run. Throws idempotency-key-reuse when that
 * request had another body.
 */
export async function findRepeatedRun({ db, scope, platform, idempotency }: RepeatedCall): Promise<Run | undefined> {
  if (idempotency === undefined) return undefined
  const made = await findRunOfKey(db, scope, idempotency.keyHash)
  if (made === undefined) return undefined
  if (made.bodyHash?.equals(idempotency.bodyHash) === true) return unsealRun(platform, made.run)
  throw problem('idempotency-key-reuse', {
    detail: 'This Idempotency-Key was used with another body: take a new key for a new request.',
  })
}
