import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { isAdministrator } from '../administrators/index.ts'
import { lockUser } from '../sign-in/index.ts'
import { countOwned } from './member-store.ts'

/**
 * Refuses that the user becomes the owner of one more organization, when they own as many as the instance allows. Locks
 * the user until the transaction ends, so that it is exact when they get several at the same time. Administrators of
 * the instance are not limited. Throws `quota-exceeded`.
 */
export async function refuseOneMoreOwned(
  tx: Tx,
  { config, db }: Pick<Platform, 'config' | 'db'>,
  owner: { readonly userId: string; readonly isCaller: boolean },
): Promise<void> {
  const limit = config.ORGANIZATIONS_PER_USER
  if (limit === null || (await isAdministrator(db, owner.userId))) return
  await lockUser(tx, owner.userId)
  // A transaction of one organization cannot see the others, and whoever adds one has committed before the lock ended.
  const used = await countOwned(db, owner.userId)
  if (used < limit) return
  const advice = 'delete one that is no longer needed, or ask the operator of this server for a higher limit.'
  throw problem('quota-exceeded', {
    // How many another user owns is their own business.
    detail: owner.isCaller
      ? `You may own ${limit} organizations, and own ${used}: ${advice}`
      : `A user may own ${limit} organizations, and this member cannot own more: they can ${advice}`,
    extensions: { quota: 'organizations', limit, used: owner.isCaller ? used : limit },
  })
}
