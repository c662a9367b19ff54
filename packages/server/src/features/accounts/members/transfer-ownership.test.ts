import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { membersFeature } from './index.ts'
import { addPerson, rolesIn } from './testing/person.ts'
import { transferOwnership } from './transfer-ownership.ts'

const options = { features: [membersFeature] }

describeEndpoint(transferOwnership, {
  as: 'session',
  given: async (tenant, world) => ({ orgId: tenant.orgId, userId: (await addPerson(world, tenant)).userId }),
  call: ({ orgId, userId }) => ({ params: { orgId }, body: { userId } }),
  world: options,
})

describe('transferring the ownership', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const ownersIn = async (tenant: Tenant) =>
    Object.values(await rolesIn(world, tenant)).filter((role) => role === 'owner').length
  const route = ({ orgId }: Tenant) => `POST /api/orgs/${orgId}/transfer-ownership`

  it.each(['admin', 'member', 'viewer'] as const)('makes a %s the owner, and the owner an admin', async (role) => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant, role)
    const { send } = await tenant.session()
    expectProblem(transferOwnership, await send(route(tenant), { body: { userId: tenant.userId } }), 'validation-error')
    const answer = await send(route(tenant), { body: { userId: person.userId } })
    expect(answer.body).toMatchObject({ userId: person.userId, role: 'owner' })
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'admin', [person.userId]: 'owner' })
    expectProblem(transferOwnership, await send(route(tenant), { body: { userId: person.userId } }), 'forbidden')
    expect((await person.send(route(tenant), { body: { userId: tenant.userId } })).status).toBe(200)
  })

  it.each(['admin', 'member', 'viewer'] as const)('refuses a %s', async (role) => {
    const tenant = await world.tenant()
    const actor = await addPerson(world, tenant, role)
    expectProblem(transferOwnership, await actor.send(route(tenant), { body: { userId: tenant.userId } }), 'forbidden')
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner', [actor.userId]: role })
  })

  it('answers 404 for a user who is not a member', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    for (const userId of [other.userId, newWireId('usr')])
      expectProblem(transferOwnership, await send(route(tenant), { body: { userId } }), 'member-not-found')
    expectProblem(transferOwnership, await send(route(tenant), { body: { userId: 'nonsense' } }), 'validation-error')
    expect([await ownersIn(tenant), await ownersIn(other)]).toEqual([1, 1])
  })

  it('refuses a new owner who owns as many organizations as a user may, and changes nothing', async () => {
    const limited = await openWorld({ ...options, environment: { ORGANIZATIONS_PER_USER: '1' } })
    try {
      const [tenant, other] = [await limited.tenant(), await limited.tenant()]
      const { send } = await tenant.session()
      const person = await addPerson(limited, tenant)
      await limited.platform.db
        .insertInto('organization_members')
        .values({ organization_id: tenant.organizationId, user_id: other.userId, role: 'member' })
        .execute()
      const refused = await send(route(tenant), { body: { userId: other.userId } })
      expectProblem(transferOwnership, refused, 'quota-exceeded')
      expect((await rolesIn(limited, tenant))[tenant.userId]).toBe('owner')
      expect((await send(route(tenant), { body: { userId: person.userId } })).status).toBe(200)
    } finally {
      await limited.close()
    }
  })

  it('succeeds once if it is requested twice concurrently', async () => {
    const tenant = await world.tenant()
    const [first, second] = [await addPerson(world, tenant), await addPerson(world, tenant)]
    const { send } = await tenant.session()
    const answers = await Promise.all([first, second].map(({ userId }) => send(route(tenant), { body: { userId } })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403])
    expect(await ownersIn(tenant)).toBe(1)
    expect((await rolesIn(world, tenant))[tenant.userId]).toBe('admin')
  })

  it('leaves one owner if the new owner leaves or is removed at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      const tenant = await world.tenant()
      const [person, admin] = [await addPerson(world, tenant), await addPerson(world, tenant, 'admin')]
      const { send } = await tenant.session()
      const [transfer, leave, remove] = await Promise.all([
        send(route(tenant), { body: { userId: person.userId } }),
        person.send(`POST /api/orgs/${tenant.orgId}/leave`),
        admin.send(`DELETE /api/orgs/${tenant.orgId}/members/${person.userId}`),
      ])
      expect([200, 404]).toContain(transfer?.status)
      const left = (await rolesIn(world, tenant))[person.userId]
      expect(left, `${leave?.status} ${remove?.status}`).toBe(transfer?.status === 200 ? 'owner' : undefined)
      expect(await ownersIn(tenant)).toBe(1)
    }
  })

  it('is enforced by the database: an organization cannot have a second owner', async () => {
    const tenant = await world.tenant()
    await expect(addPerson(world, tenant, 'owner')).rejects.toThrow('organization_members_owner')
  })
})
