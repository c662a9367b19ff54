import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findMember, lockActor } from '../organizations/index.ts'
import { refuseRemoval } from './member.ts'
import { endMembership } from './membership.ts'

export const removeMember = endpoint({
  route: 'DELETE /api/orgs/:orgId/members/:userId',
  summary: 'Remove a member',
  description:
    'Their sessions lose access to the organization, the API keys that they created are revoked, ' +
    'and their open streams end. Their schedules continue. ' +
    'Only the owner can remove an admin. The owner cannot be removed.',
  caller: 'member',
  permission: 'members:remove',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'member.removed',
  params: { orgId: { id: 'org', missing: 'org-not-found' }, userId: { id: 'usr', missing: 'member-not-found' } },
  returns: { 204: Nothing },
  fails: ['owner-not-removable', 'admin-not-removable'],
  async handle({ params, scope, caller, now, change, platform }) {
    const userId = toWireId('usr', params.userId)
    await change(
      async (tx) => {
        const actor = await lockActor(tx, scope, { platform, userId: caller.userId, permission: 'members:remove' })
        const target = foundOr(await findMember(tx, scope, userId), 'member-not-found')
        refuseRemoval({ actor, target })
        await endMembership(tx, scope, { userId, now, hooks: platform.hooks })
        return target
      },
      ({ role }) => ({ resourceId: userId, changes: changesBetween({ role }, {}) }),
    )
    platform.wake.wake('keys', '*')
    return noContent()
  },
})
