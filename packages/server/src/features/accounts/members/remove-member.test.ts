import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { removeMember } from './remove-member.ts'
import { addPerson, rolesIn } from './testing/person.ts'

describeEndpoint(removeMember, {
  as: 'session',
  given: async (tenant, world) => ({ orgId: tenant.orgId, userId: (await addPerson(world, tenant)).userId }),
  call: (params) => ({ params }),
})

describe('removing a member', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it('ends the access of their session, their API keys and their open streams immediately', async () => {
    const tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant, { status: 'running' })
    const person = await addPerson(world, tenant)
    const key = await person.apiKey()
    const stream = (headers: Record<string, string>) =>
      openSse(`${world.url}/api/realtime/runs/${run.wireId}?appId=${tenant.appId}`, headers)
    const streams = [await stream({ cookie: person.cookie }), await stream({ authorization: `Bearer ${key.apiKey}` })]
    expect(streams.map(({ status }) => status)).toEqual([200, 200])
    expect([
      (await person.send('GET /api/applications')).status,
      (await key.send('GET /api/applications')).status,
    ]).toEqual([200, 200])

    const { send } = await tenant.session()
    expect((await send(`DELETE /api/orgs/${tenant.orgId}/members/${person.userId}`)).status).toBe(204)

    expectProblem(undefined, await person.send('GET /api/applications'), 'org-not-found')
    expectProblem(undefined, await key.send('GET /api/applications'), 'unauthorized')
    for (const each of streams) await each.closed(10_000)
    expectProblem(
      removeMember,
      await send(`DELETE /api/orgs/${tenant.orgId}/members/${person.userId}`),
      'member-not-found',
    )
    expect((await tenant.send('GET /api/applications')).status).toBe(200)
  })

  it('ends the secrets that they know, however the keys were rotated', async () => {
    const tenant = await world.tenant()
    const [admin, creator] = [await addPerson(world, tenant, 'admin'), await addPerson(world, tenant, 'admin')]
    const { send } = await tenant.session()
    const status = async (key: string) =>
      (
        await world.send('GET /api/applications', {
          headers: { authorization: `Bearer ${key}`, 'x-app-id': tenant.appId },
        })
      ).status
    const rotated = await admin.send(`POST /api/api-keys/${tenant.apiKeyId}/rotate`, { body: {} })
    expect(rotated.body).toMatchObject({ createdBy: admin.userId })
    const { apiKey: previous } = await creator.apiKey()
    const [{ id }] = (await send('GET /api/api-keys')).body.data.filter(
      ({ createdBy }: { createdBy: string }) => createdBy === creator.userId,
    )
    const { key } = (await send(`POST /api/api-keys/${id}/rotate`, { body: {} })).body
    expect([await status(rotated.body.key), await status(previous), await status(key)]).toEqual([200, 200, 200])
    for (const { userId } of [admin, creator])
      expect((await send(`DELETE /api/orgs/${tenant.orgId}/members/${userId}`)).status).toBe(204)
    expect([await status(rotated.body.key), await status(previous), await status(key)]).toEqual([401, 401, 200])
    const actions = (await creator.send('GET /api/profile/security-log')).body.data
    expect(actions.map(({ action }: { action: string }) => action)).toEqual(['api-key.rotated'])
  })

  it('keeps their schedules running, without a creator', async () => {
    const tenant = await world.tenant()
    const person = await addPerson(world, tenant)
    const agentId = await createAgent(tenant)
    const { id } = (await person.send('POST /api/schedules', { body: { agentId, cronExpression: '@daily' } })).body
    const usersOf = async () =>
      await world.platform.db
        .selectFrom('schedules')
        .select(['user_id', 'enabled'])
        .where('application_id', '=', tenant.applicationId)
        .execute()
    expect(await usersOf()).toEqual([{ user_id: person.userId, enabled: true }])
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}/members/${person.userId}`)
    expect(await usersOf()).toEqual([{ user_id: null, enabled: true }])
    expect((await tenant.send(`GET /api/schedules/${id}`)).body).toMatchObject({ enabled: true })
  })

  it('does not restore their API keys when they join again, and keeps their keys in other organizations', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const person = await addPerson(world, tenant)
    const key = await person.apiKey()
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}/members/${person.userId}`)
    await world.platform.db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: person.userId, role: 'member' })
      .execute()
    world.platform.wake.wake('keys', '*')
    expect((await person.send('GET /api/applications')).status).toBe(200)
    expectProblem(undefined, await key.send('GET /api/applications'), 'unauthorized')
    expect((await other.send('GET /api/applications')).status).toBe(200)
  })

  it.each([
    ['owner', ['admin', 'member', 'viewer'], []],
    ['admin', ['member', 'viewer'], ['admin']],
  ] as const)('lets the %s remove %j, but not %j', async (role, removable, kept) => {
    const tenant = await world.tenant()
    const { send } = role === 'owner' ? await tenant.session() : await addPerson(world, tenant, role)
    const remove = (userId: string) => send(`DELETE /api/orgs/${tenant.orgId}/members/${userId}`)
    for (const target of removable)
      expect((await remove((await addPerson(world, tenant, target)).userId)).status, target).toBe(204)
    for (const target of kept)
      expectProblem(removeMember, await remove((await addPerson(world, tenant, target)).userId), 'admin-not-removable')
    expectProblem(removeMember, await remove(tenant.userId), 'owner-not-removable')
    expect((await rolesIn(world, tenant))[tenant.userId]).toBe('owner')
  })

  it.each(['member', 'viewer'] as const)('refuses a %s, even to remove themselves', async (role) => {
    const tenant = await world.tenant()
    const [actor, person] = [await addPerson(world, tenant, role), await addPerson(world, tenant, 'viewer')]
    for (const { userId } of [person, actor])
      expectProblem(removeMember, await actor.send(`DELETE /api/orgs/${tenant.orgId}/members/${userId}`), 'forbidden')
  })

  it('answers 404 for a user who is not a member', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    for (const userId of [other.userId, newWireId('usr')])
      expectProblem(removeMember, await send(`DELETE /api/orgs/${tenant.orgId}/members/${userId}`), 'member-not-found')
    expect(await rolesIn(world, other)).toEqual({ [other.userId]: 'owner' })
  })
})
