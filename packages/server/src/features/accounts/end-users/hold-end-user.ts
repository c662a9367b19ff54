import type { AppScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { holdEndUserRow } from './end-user-store.ts'

/**
 * Keeps the scope's end-user, if any, from being erased until the transaction ends. Throws invalid-end-user if they are
 * erased. A transaction that creates rows of theirs calls this before any other lock: an erasure locks in this order.
 */
export async function holdEndUser(
  tx: Tx,
  { applicationId, endUserId }: Pick<AppScope, 'applicationId' | 'endUserId'>,
): Promise<void> {
  if (endUserId === null) return
  const held = await holdEndUserRow(tx, { applicationId, endUserId })
  foundOr(held, 'invalid-end-user', { detail: 'The end-user was erased.' })
}
