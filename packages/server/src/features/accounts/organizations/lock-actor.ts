import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { findMember, lockMembers, type Member } from './member-store.ts'

/**
 * Locks the members, and checks the caller's permission again: it may have changed since the request was authorized.
 * Throws org-not-found or forbidden.
 */
export async function lockActor(
  tx: Tx,
  scope: OrgScope,
  actor: { readonly platform: Pick<Platform, 'permissions'>; readonly userId: string; readonly permission: string },
): Promise<Member> {
  const exists = await lockMembers(tx, scope)
  const member = foundOr(exists ? await findMember(tx, scope, actor.userId) : undefined, 'org-not-found')
  if (!actor.platform.permissions.of(member.role).has(actor.permission))
    throw problem('forbidden', { detail: `This needs the permission ${actor.permission}.` })
  return member
}
