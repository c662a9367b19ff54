import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { lockActor } from '../organizations/index.ts'
import { refuseLeaving } from './member.ts'
import { endMembership } from './membership.ts'

export const leaveOrg = endpoint({
  route: 'POST /api/orgs/:orgId/leave',
  summary: 'Leave an organization',
  description:
    'The API keys that you created in it are revoked; your schedules continue. ' +
    'The owner cannot leave: transfer the ownership first.',
  caller: 'member',
  // Every member has this permission and no API key can have it: a key must not end its creator's membership.
  permission: 'members:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'member.left',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 204: Nothing },
  fails: ['owner-must-stay'],
  async handle({ scope, caller, now, change, platform }) {
    const { userId } = caller
    await change(
      async (tx) => {
        const member = await lockActor(tx, scope, { platform, userId, permission: 'members:read' })
        refuseLeaving(member)
        await endMembership(tx, scope, { userId, now, hooks: platform.hooks })
        return member
      },
      ({ role }) => ({ resourceId: userId, changes: changesBetween({ role }, {}) }),
    )
    platform.wake.wake('keys', '*')
    return noContent()
  },
})
