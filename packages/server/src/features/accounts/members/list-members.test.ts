import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { membersFeature } from './index.ts'
import { listMembers } from './list-members.ts'
import { addPerson } from './testing/person.ts'

const options = { features: [membersFeature] }

describeEndpoint(listMembers, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('listing members', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('pages through the members of this organization only, newest first', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await addPerson(world, other)
    const people = [await addPerson(world, tenant, 'viewer'), await addPerson(world, tenant, 'admin')]
    const { send } = await tenant.session()
    const answer = await send(`GET /api/orgs/${tenant.orgId}/members`)
    expect(answer.body.data.map(({ userId }: { userId: string }) => userId)).toEqual([
      people[1]?.userId,
      people[0]?.userId,
      tenant.userId,
    ])
    expect(answer.body.data[1]).toEqual({
      userId: people[0]?.userId,
      role: 'viewer',
      joinedAt: expect.stringMatching(/Z$/),
      displayName: 'Test Person',
      email: people[0]?.email,
    })
    const last = await send(`GET /api/orgs/${tenant.orgId}/members`, { query: { pageSize: 1, page: 3 } })
    expect(last.body).toMatchObject({
      data: [{ userId: tenant.userId, role: 'owner' }],
      pagination: { page: 3, pageSize: 1, total: 3, totalPages: 3, nextCursor: null },
    })
  })

  it('allows every role, and refuses users who are not members', async () => {
    const tenant = await world.tenant()
    for (const role of ['admin', 'member', 'viewer'] as const) {
      expect(
        (await (await addPerson(world, tenant, role)).send(`GET /api/orgs/${tenant.orgId}/members`)).status,
        role,
      ).toBe(200)
    }
    expectProblem(
      listMembers,
      await (await addPerson(world, tenant, 'stranger')).send(`GET /api/orgs/${tenant.orgId}/members`),
      'org-not-found',
    )
  })
})
