import { randomBytes } from 'node:crypto'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { World } from '../../../testing/world.ts'
import { createInstanceUser } from './create-instance-user.ts'
import { getInstanceOrg } from './get-instance-org.ts'
import { getInstanceUser } from './get-instance-user.ts'
import { grantAdministrator } from './grant-administrator.ts'
import { listInstanceOrgs } from './list-instance-orgs.ts'
import { listInstanceUsers } from './list-instance-users.ts'
import { resumeOrg } from './resume-org.ts'
import { resumeUser } from './resume-user.ts'
import { revokeAdministrator } from './revoke-administrator.ts'
import { revokeUserSessions } from './revoke-user-sessions.ts'
import { suspendOrg } from './suspend-org.ts'
import { suspendUser } from './suspend-user.ts'

const nothing = { given: async () => undefined, call: () => ({}) }
const anotherTenant = (_caller: Tenant, world: World) => world.tenant()
const anotherOrg = { given: anotherTenant, call: ({ orgId }: Tenant) => ({ params: { orgId } }) }
const anotherUser = { given: anotherTenant, call: ({ userId }: Tenant) => ({ params: { userId } }) }
const body = { reason: 'Unpaid since March.' }

describeEndpoint(listInstanceOrgs, nothing)
describeEndpoint(getInstanceOrg, anotherOrg)
describeEndpoint(suspendOrg, { ...anotherOrg, call: ({ orgId }) => ({ params: { orgId }, body }) })
describeEndpoint(resumeOrg, anotherOrg)
describeEndpoint(listInstanceUsers, nothing)
describeEndpoint(getInstanceUser, anotherUser)
describeEndpoint(suspendUser, { ...anotherUser, call: ({ userId }) => ({ params: { userId }, body }) })
describeEndpoint(resumeUser, anotherUser)
describeEndpoint(revokeUserSessions, anotherUser)
describeEndpoint(grantAdministrator, anotherUser)
describeEndpoint(revokeAdministrator, {
  async given(caller, world) {
    const other = await anotherTenant(caller, world)
    await other.administrate()
    return other
  },
  call: ({ userId }) => ({ params: { userId } }),
})
describeEndpoint(createInstanceUser, {
  given: async () => `new-${randomBytes(6).toString('hex')}@example.com`,
  call: (email) => ({ body: { email } }),
})
