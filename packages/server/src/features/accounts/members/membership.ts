import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Hooks } from '../../../platform/hooks/hooks.ts'
import { deleteMember } from '../organizations/index.ts'

/** Ends a membership and, in the same transaction, what rests on it in every feature. */
export async function endMembership(
  tx: Tx,
  scope: OrgScope,
  { userId, now, hooks }: { readonly userId: string; readonly now: Date; readonly hooks: Hooks },
): Promise<void> {
  await deleteMember(tx, scope, userId)
  for (const memberLeft of hooks.memberLeft) await memberLeft(tx, scope, { userId, now })
}
