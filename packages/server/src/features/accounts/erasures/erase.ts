import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { ErasedPart, Hooks } from '../../../platform/hooks/hooks.ts'
import { pauseRelay } from '../../../platform/outbox/postgres-outbox.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, deleteDataKey, deleteEndUser, lockEndUser } from '../end-users/index.ts'
import { allowLongStatements, insertErasure, type Erasure } from './erasure-store.ts'

/** What was erased, with what is left to do once the transaction is committed. */
export interface Erased {
  readonly erasure: Erasure
  readonly parts: readonly ErasedPart[]
}

/**
 * Erases an end-user in one transaction; every feature erases its part. A transaction that creates something for an
 * end-user holds their row first, so that it commits before the erasure or is refused. Throws end-user-not-found.
 */
export async function erase(
  tx: Tx,
  scope: AppScope,
  { endUserId, now, hooks }: { endUserId: string; now: Date; hooks: Hooks },
): Promise<Erased> {
  await allowLongStatements(tx)
  // The relay must not deliver events whose content is being erased.
  await pauseRelay(tx)
  foundOr(await lockEndUser(tx, scope, endUserId), 'end-user-not-found')
  const whose = { ...scope, endUserId }
  const erasings: (() => Promise<ErasedPart>)[] = []
  for (const { lock } of hooks.erase) erasings.push(await lock(tx, whose))
  const parts: ErasedPart[] = []
  for (const eraseLocked of erasings) parts.push(await eraseLocked())
  await deleteDataKey(tx, whose)
  await deleteEndUser(tx, whose)
  const report = Object.fromEntries(parts.flatMap((part) => Object.entries(part.report)))
  const erasure = { endUserId, erasedAt: now, report: { ...report, connections: { deleted: 0 }, dataKey: 'destroyed' } }
  await insertErasure(tx, scope, erasure)
  return { erasure, parts }
}

/** Once the erasure is committed: every node forgets the data key, and every feature does what is left of its part. */
export async function finishErasure(
  platform: Pick<Platform, 'use' | 'wake' | 'blobs' | 'log'>,
  { erasure, parts }: Erased,
): Promise<void> {
  platform.use(contentSeals).forget(erasure.endUserId)
  platform.wake.wake('keys', erasure.endUserId)
  for (const part of parts) await part.afterCommit?.(platform)
}
