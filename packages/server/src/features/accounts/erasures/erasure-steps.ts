import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedBatch, ErasedEndUser, EraseHook } from '../../../platform/hooks/hooks.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { pauseRelay } from '../../../platform/outbox/postgres-outbox.ts'
import type { Platform } from '../../../platform/platform.ts'
import { deleteErased, findErased, lockErased, refuseReferences } from '../end-users/index.ts'
import { addCounts, preferIndexes } from './erasure-store.ts'

/** Rows that one transaction changes, in about. */
const batchRowsMax = 500
/** End-users that one round looks at. */
const endUsersMax = 100

export type Erasing = Pick<Platform, 'db' | 'hooks' | 'wake' | 'blobs' | 'log'>

/** A committed step of an erasure. */
export interface ErasureStep {
  readonly whose: ErasedEndUser
  /** Changed rows. */
  readonly rows: number
  /** True for the last step, which deletes the end-user's row. */
  readonly isLast: boolean
}

interface Work {
  readonly platform: Erasing
  readonly whose: ErasedEndUser
  /** Whether to wait while another process holds the end-user, instead of leaving them to it. */
  readonly waits: boolean
}

/**
 * Goes on with all erasures: one transaction per step, so it can stop after each and start again, here or on another
 * node. An end-user whom another process works on is left to that process.
 */
export async function* erasureSteps(platform: Erasing): AsyncGenerator<ErasureStep> {
  for (const whose of await findErased(platform.db, endUsersMax)) {
    try {
      yield* stepsOf({ platform, whose, waits: false })
    } catch (error) {
      // One failing erasure must not stop the others. The job goes on with it in its next round.
      const endUserId = toWireId('eu', whose.endUserId)
      platform.log.error({ err: error, endUserId }, 'An erasure could not go on; it will be retried.')
    }
  }
}

/** Goes on with the erasure of one end-user until its end. */
export async function* stepsOf(work: Work): AsyncGenerator<ErasureStep> {
  const { platform, whose } = work
  for (;;) {
    for (const hook of platform.hooks.erase) {
      let batch = await runBatch(work, hook)
      for (; batch !== undefined && batch.rows > 0; batch = await runBatch(work, hook))
        yield { whose, rows: batch.rows, isLast: false }
      if (batch === undefined) return
    }
    const rest = await inLock(work, (tx) => finish(tx, work))
    if (rest === undefined) return
    for (const batch of rest) await batch.afterCommit?.(platform)
    const rows = rest.reduce((sum, batch) => sum + batch.rows, 0)
    yield { whose, rows, isLast: rows === 0 }
    if (rows === 0) return
  }
}

async function runBatch(work: Work, hook: EraseHook): Promise<ErasedBatch | undefined> {
  const batch = await inLock(work, (tx) => eraseBatch(tx, work, hook))
  await batch?.afterCommit?.(work.platform)
  return batch
}

async function eraseBatch(tx: Tx, { whose }: Work, hook: EraseHook): Promise<ErasedBatch> {
  await preferIndexes(tx)
  const batch = await hook.erase(tx, whose, batchRowsMax)
  if (batch.rows > 0) await addCounts(tx, whose, batch.counts)
  return batch
}

/** Deletes the end-user's row, unless something of theirs was written meanwhile: then the next pass erases the rest. */
async function finish(tx: Tx, work: Work): Promise<ErasedBatch[]> {
  // The relay must not write events of the end-user that it has read before.
  await pauseRelay(tx)
  await refuseReferences(tx, work.whose)
  const rest: ErasedBatch[] = []
  for (const hook of work.platform.hooks.erase) rest.push(await eraseBatch(tx, work, hook))
  if (rest.every(({ rows }) => rows === 0)) await deleteErased(tx, work.whose)
  return rest
}

/** Undefined if the end-user is gone, or another process holds them. */
function inLock<T>({ platform, whose, waits }: Work, work: (tx: Tx) => Promise<T>): Promise<T | undefined> {
  return platform.db
    .transaction()
    .execute(async (tx) => ((await lockErased(tx, whose, { waits })) ? work(tx) : undefined))
}
