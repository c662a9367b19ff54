import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { requester } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { membersFeature } from './index.ts'
import { leaveOrg } from './leave-org.ts'
import { addPerson, rolesIn } from './testing/person.ts'

const options = { features: [membersFeature, applicationsFeature] }

describeEndpoint(leaveOrg, {
  as: 'session',
  given: async ({ orgId, userId }, { platform }) => {
    // The owner cannot leave.
    await platform.db.updateTable('organization_members').set({ role: 'admin' }).where('user_id', '=', userId).execute()
    return orgId
  },
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('leaving an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it.each(['admin', 'member', 'viewer'] as const)('removes a %s and revokes their API keys', async (role) => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant, role)
    const key = await person.apiKey()
    expect((await key.send('GET /api/applications')).status).toBe(200)
    expect((await person.send(`POST /api/orgs/${tenant.orgId}/leave`)).status).toBe(204)
    expectProblem(undefined, await person.send('GET /api/applications'), 'org-not-found')
    expectProblem(undefined, await key.send('GET /api/applications'), 'unauthorized')
    expectProblem(leaveOrg, await person.send(`POST /api/orgs/${tenant.orgId}/leave`), 'org-not-found')
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner' })
  })

  it('refuses the owner, and says what to do', async () => {
    const tenant = await world.tenant()
    const answer = await (await tenant.session()).send(`POST /api/orgs/${tenant.orgId}/leave`)
    expectProblem(leaveOrg, answer, 'owner-must-stay')
    expect(answer.body.detail).toContain('transfer-ownership')
  })

  it("refuses an API key: a key must not end its creator's membership", async () => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant)
    expectProblem(leaveOrg, await (await person.apiKey()).send(`POST /api/orgs/${tenant.orgId}/leave`), 'forbidden')
  })

  it('refuses a request from a page of another origin', async () => {
    const tenant = await world.tenant()
    const { cookie } = await addPerson(world, tenant)
    const answer = await requester(world.url, { cookie, origin: 'https://evil.example' })(
      `POST /api/orgs/${tenant.orgId}/leave`,
    )
    expectProblem(leaveOrg, answer, 'origin-not-allowed')
  })
})
