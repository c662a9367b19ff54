import type { Db } from '../../../platform/db/database.ts'
import type { AppScope, KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Platform } from '../../../platform/platform.ts'
import { openRun } from './run-content.ts'
import { findRunOfKey } from './run-store.ts'
import type { Run } from './run.ts'

/** Who starts a run by a request, as the run records it. */
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
  readonly platform: Platform
  readonly idempotency: IdempotencyKey | undefined
}

/**
 * The run that this request has made before: its key is on the run's row too, so that a crash between the commit and the stored
 * reply never makes a second run. Throws idempotency-key-reuse when the key made it for another body.
 */
export async function findRepeatedRun({ db, scope, platform, idempotency }: RepeatedCall): Promise<Run | undefined> {
  if (idempotency === undefined) return undefined
  const made = await findRunOfKey(db, scope, idempotency.keyHash)
  if (made === undefined) return undefined
  if (made.bodyHash?.equals(idempotency.bodyHash) === true) return openRun(platform, made.run)
  throw problem('idempotency-key-reuse', {
    detail: 'This Idempotency-Key was used with another body: take a new key for a new request.',
  })
}
