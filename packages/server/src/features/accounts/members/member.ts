import { problem } from '../../../platform/problems/problem.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Member } from '../organizations/index.ts'

type Ranked = Pick<Member, 'userId' | 'role'>

/** Throws owner-role-fixed or own-role-fixed: only a transfer changes the owner, and no user changes their own role. */
export function refuseRoleChange({
  actor,
  target,
  role,
}: {
  readonly actor: Ranked
  readonly target: Ranked
  readonly role: Role
}): void {
  if (role === 'owner' || (target.role === 'owner' && target.userId !== actor.userId)) {
    throw problem('owner-role-fixed', {
      detail: 'An organization has one owner: use POST /api/orgs/{orgId}/transfer-ownership.',
    })
  }
  if (target.userId === actor.userId) throw problem('own-role-fixed', { detail: 'You cannot change your own role.' })
}

/** Throws owner-not-removable or admin-not-removable: only the owner can remove another admin. */
export function refuseRemoval({ actor, target }: { readonly actor: Ranked; readonly target: Ranked }): void {
  if (target.role === 'owner')
    throw problem('owner-not-removable', {
      detail: 'The owner cannot be removed: the ownership must be transferred first.',
    })
  if (target.role === 'admin' && actor.role !== 'owner' && target.userId !== actor.userId) {
    throw problem('admin-not-removable', { detail: 'Only the owner can remove an admin.' })
  }
}

/** Throws owner-must-stay. */
export function refuseLeaving(member: Ranked): void {
  if (member.role !== 'owner') return
  throw problem('owner-must-stay', {
    detail: 'The owner cannot leave: transfer the ownership first with POST /api/orgs/{orgId}/transfer-ownership.',
  })
}
