import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { WireId } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findMember, lockActor, refuseOneMoreOwned, saveRole } from '../organizations/index.ts'
import { MemberWire, toMemberWire } from './member-wire.ts'

export const transferOwnership = endpoint({
  route: 'POST /api/orgs/:orgId/transfer-ownership',
  summary: 'Make another member the owner',
  description: 'Only the owner can do this, and becomes an admin. An organization always has exactly one owner.',
  caller: 'member',
  // Only the owner has this permission.
  permission: 'members:change-role',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.ownership-transferred',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  body: Type.Object({ userId: WireId('usr', 'The member who becomes the owner.') }),
  returns: { 200: MemberWire },
  fails: ['member-not-found', 'quota-exceeded'],
  async handle({ body, scope, caller, change, platform }) {
    const { userId } = body
    if (userId === caller.userId)
      refuseInvalid([{ pointer: '/userId', message: 'is already the owner', code: 'owner' }])
    const owner = await change(
      async (tx) => {
        const former = await lockActor(tx, scope, {
          platform,
          userId: caller.userId,
          permission: 'members:change-role',
        })
        const member = foundOr(await findMember(tx, scope, userId), 'member-not-found')
        await refuseOneMoreOwned(tx, platform, { userId, isCaller: false })
        // The order matters: the database refuses a second owner even inside a transaction.
        await saveRole(tx, scope, { userId: former.userId, role: 'admin' })
        await saveRole(tx, scope, { userId, role: 'owner' })
        return toMemberWire({ ...member, role: 'owner' })
      },
      () => ({
        resourceId: toWireId('org', scope.organizationId),
        changes: { ownerId: { before: caller.userId, after: userId } },
      }),
    )
    platform.wake.wake('keys', '*')
    return ok(owner)
  },
})
