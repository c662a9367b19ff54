import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { roles } from '../../../platform/access/permissions.ts'
import { findMember, lockActor, saveRole } from '../organizations/index.ts'
import { refuseRoleChange } from './member.ts'
import { MemberWire, toMemberWire } from './member-wire.ts'

export const updateMember = endpoint({
  route: 'PATCH /api/orgs/:orgId/members/:userId',
  summary: "Change a member's role",
  description:
    'The new rights apply immediately to the sessions and the API keys of the member. ' +
    "The owner's role changes only by a transfer of the ownership. You cannot change your own role.",
  caller: 'member',
  permission: 'members:change-role',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'member.role-changed',
  params: { orgId: { id: 'org', missing: 'org-not-found' }, userId: { id: 'usr', missing: 'member-not-found' } },
  body: Type.Object({
    role: OneOf(roles, { description: 'The new role. `owner` is refused: transfer the ownership instead.' }),
  }),
  returns: { 200: MemberWire },
  fails: ['owner-role-fixed', 'own-role-fixed'],
  async handle({ params, body, scope, caller, change, platform }) {
    const { role } = body
    const userId = toWireId('usr', params.userId)
    const { before, after } = await change(
      async (tx) => {
        const actor = await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:change-role' })
        const target = foundOr(await findMember(tx, scope, userId), 'member-not-found')
        refuseRoleChange({ actor, target, role })
        await saveRole(tx, scope, { userId, role })
        return { before: target, after: { ...target, role } }
      },
      (changed) => ({
        resourceId: userId,
        changes: changesBetween({ role: changed.before.role }, { role: changed.after.role }),
      }),
    )
    if (before.role !== after.role) platform.wake.wake('keys', '*')
    return ok(toMemberWire(after))
  },
})
