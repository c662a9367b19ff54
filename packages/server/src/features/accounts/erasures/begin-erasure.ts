import type { AppScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, deleteDataKey, lockEndUser, markErased } from '../end-users/index.ts'
import { insertErasure } from './erasure-store.ts'

/**
 * Marks the end-user, and destroys their data key: once this is committed they are not found, nothing can be created
 * for them, and their content cannot be read. A transaction that creates something for an end-user holds their row
 * first, so that it commits before the mark or is refused. Throws end-user-not-found.
 */
export async function beginErasure(
  tx: Tx,
  scope: AppScope,
  { endUserId, now }: { readonly endUserId: string; readonly now: Date },
): Promise<ErasedEndUser> {
  foundOr(await lockEndUser(tx, scope, endUserId), 'end-user-not-found')
  const whose = { organizationId: scope.organizationId, applicationId: scope.applicationId, endUserId }
  await markErased(tx, whose, now)
  await deleteDataKey(tx, whose)
  await insertErasure(tx, whose, now)
  return whose
}

/** Once the mark is committed: every node forgets the data key. */
export function forgetKey(platform: Pick<Platform, 'use' | 'wake'>, { endUserId }: ErasedEndUser): void {
  platform.use(contentSeals).forget(endUserId)
  platform.wake.wake('keys', endUserId)
}
