import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { Hooks } from '../../../platform/hooks/hooks.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteMember, findMember, type Member } from '../organizations/index.ts'

/** Throws member-not-found. */
export async function getMember(db: Db, scope: OrgScope, userId: string): Promise<Member> {
  const member = await findMember(db, scope, userId)
  if (member === undefined) throw problem('member-not-found')
  return member
}

/** Ends a membership and, in the same transaction, what rests on it in every feature. */
export async function endMembership(
  tx: Tx,
  scope: OrgScope,
  { userId, now, hooks }: { readonly userId: string; readonly now: Date; readonly hooks: Hooks },
): Promise<void> {
  await deleteMember(tx, scope, userId)
  for (const memberLeft of hooks.memberLeft) await memberLeft(tx, scope, { userId, now })
}
