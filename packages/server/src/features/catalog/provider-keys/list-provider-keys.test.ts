import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listed, makeProviderKey, modelWorld } from '../models/testing/model-tests.ts'
import { listProviderKeys } from './list-provider-keys.ts'

describeEndpoint(listProviderKeys, {
  as: 'session',
  given: (tenant) => makeProviderKey(tenant),
  call: () => ({}),
  world: modelWorld,
})

describe('listProviderKeys', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it("pages the organization's keys, newest first", async () => {
    const tenant = await world.tenant()
    for (const label of ['a', 'b', 'c']) await makeProviderKey(tenant, { label })
    await makeProviderKey(await world.tenant())
    const { send } = await tenant.session()
    const answer = await send('GET /api/provider-keys', { query: { page: 1, pageSize: 2 } })
    expect(listed(answer, 'label')).toEqual(['c', 'b'])
    expect(answer.body.pagination).toMatchObject({ page: 1, pageSize: 2, total: 3, totalPages: 2 })
    expect((await send('GET /api/provider-keys', { query: { page: 3, pageSize: 2 } })).body).toMatchObject({
      data: [],
      pagination: { total: 3 },
    })
  })

  it('is not for members', async () => {
    const { send } = await (await world.tenant({ role: 'member' })).session()
    expectProblem(listProviderKeys, await send('GET /api/provider-keys'), 'forbidden')
  })
})
