import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { membersFeature } from './index.ts'
import { addPerson, rolesIn } from './testing/person.ts'
import { updateMember } from './update-member.ts'

const options = { features: [membersFeature, applicationsFeature] }

describeEndpoint(updateMember, {
  as: 'session',
  given: async (tenant, world) => ({ orgId: tenant.orgId, userId: (await addPerson(world, tenant)).userId }),
  call: (params) => ({ params, body: { role: 'viewer' } }),
  world: options,
})

describe("changing a member's role", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('applies the new rights to the session and the API keys of the member immediately', async () => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant, 'viewer')
    const key = await person.apiKey()
    const { send } = await tenant.session()
    const change = (role: string) =>
      send(`PATCH /api/orgs/${tenant.orgId}/members/${person.userId}`, { body: { role } })
    const rename = async () => {
      const answers = [
        await person.send(`PATCH /api/applications/${tenant.appId}`, { body: { name: 'Mine' } }),
        await key.send(`PATCH /api/applications/${tenant.appId}`, { body: { name: 'Mine' } }),
      ]
      return answers.map(({ status }) => status)
    }
    expect(await rename()).toEqual([403, 403])
    expect((await change('admin')).body).toMatchObject({ userId: person.userId, role: 'admin', email: person.email })
    expect(await rename()).toEqual([200, 200])
    expect((await change('member')).status).toBe(200)
    expect(await rename()).toEqual([403, 403])
  })

  it('records the role before and after in the audit log', async () => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant, 'viewer')
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}/members/${person.userId}`, {
      body: { role: 'admin' },
    })
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['resource_id', 'changes', 'organization_id'])
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({
      resource_id: person.userId,
      organization_id: tenant.organizationId,
      changes: { role: { before: 'viewer', after: 'admin' } },
    })
  })

  it("refuses to set the role owner, to change the owner's role, and to change the caller's own role", async () => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant)
    const { send } = await tenant.session()
    const change = (userId: string, role: string) =>
      send(`PATCH /api/orgs/${tenant.orgId}/members/${userId}`, { body: { role } })
    expectProblem(updateMember, await change(person.userId, 'owner'), 'owner-role-fixed')
    expectProblem(updateMember, await change(tenant.userId, 'admin'), 'own-role-fixed')
    expectProblem(updateMember, await change(person.userId, 'king'), 'validation-error')
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner', [person.userId]: 'member' })
  })

  it.each(['admin', 'member', 'viewer'] as const)('refuses a %s', async (role) => {
    const tenant = await world.tenant()
    const [person, actor] = [await addPerson(world, tenant), await addPerson(world, tenant, role)]
    for (const userId of [person.userId, tenant.userId, actor.userId]) {
      expectProblem(
        updateMember,
        await actor.send(`PATCH /api/orgs/${tenant.orgId}/members/${userId}`, { body: { role: 'viewer' } }),
        'forbidden',
      )
    }
  })

  it('answers 404 for a user who is not a member, even if they are a member of another organization', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    for (const userId of [other.userId, newWireId('usr'), 'nonsense']) {
      expectProblem(
        updateMember,
        await send(`PATCH /api/orgs/${tenant.orgId}/members/${userId}`, { body: { role: 'viewer' } }),
        'member-not-found',
      )
    }
    expect(await rolesIn(world, other)).toEqual({ [other.userId]: 'owner' })
  })
})
