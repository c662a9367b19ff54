import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addPerson } from '../members/testing/person.ts'
import { invitationsFeature } from './index.ts'
import { listInvitations } from './list-invitations.ts'
import { invite } from './testing/invited.ts'

const start = new Date('2026-03-21T09:30:00.000Z')
let now = start
const options = { features: [invitationsFeature], clock: { now: () => now } }

describeEndpoint(listInvitations, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: { features: options.features },
})

describe('listing invitations', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('shows every invitation of this organization, or those with one status, newest first', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await invite(other)
    const old = await invite(tenant)
    now = new Date(start.getTime() + 8 * 86_400_000)
    const [cancelled, pending] = [await invite(tenant), await invite(tenant)]
    const { send } = await tenant.session()
    await send(`DELETE /api/orgs/${tenant.orgId}/invitations/${cancelled.id}`)
    const list = async (query: Record<string, string | number> = {}) =>
      (await send(`GET /api/orgs/${tenant.orgId}/invitations`, { query })).body
    const seen = async (query?: Record<string, string | number>) =>
      (await list(query)).data.map(({ id, status }: { id: string; status: string }) => [id, status])
    expect(await seen()).toEqual([
      [pending.id, 'pending'],
      [cancelled.id, 'cancelled'],
      [old.id, 'expired'],
    ])
    expect(await seen({ status: 'pending' })).toEqual([[pending.id, 'pending']])
    expect(await seen({ status: 'expired' })).toEqual([[old.id, 'expired']])
    expect(await seen({ status: 'cancelled' })).toEqual([[cancelled.id, 'cancelled']])
    expect(await seen({ status: 'accepted' })).toEqual([])
    expect((await list({ pageSize: 2, page: 2 })).pagination).toMatchObject({
      page: 2,
      pageSize: 2,
      total: 3,
      totalPages: 2,
    })
    expect((await list({ status: 'pending' })).data[0].link).toBe(pending.link)
    expect((await list({ status: 'cancelled' })).data[0]).not.toHaveProperty('link')
  })

  it.each([
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i: only roles that can invite may see the links', async (role, status) => {
    const tenant = await world.tenant()
    expect(
      (await (await addPerson(world, tenant, role)).send(`GET /api/orgs/${tenant.orgId}/invitations`)).status,
    ).toBe(status)
  })

  it('refuses an unknown status', async () => {
    const tenant = await world.tenant()
    expectProblem(
      listInvitations,
      await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/invitations?status=lost`),
      'validation-error',
    )
  })
})
