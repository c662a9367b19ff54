import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listModels } from './list-models.ts'
import { listed, makeModel, modelWorld } from './testing/model-tests.ts'

describeEndpoint(listModels, { given: (tenant) => makeModel(tenant), call: () => ({}), world: modelWorld })

describe('listModels', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it("pages the organization's models, newest first, including for viewers", async () => {
    const tenant = await world.tenant()
    for (const label of ['a', 'b', 'c']) await makeModel(tenant, { label })
    await makeModel(await world.tenant())
    const answer = await tenant.send('GET /api/models', { query: { page: 2, pageSize: 2 } })
    expect(listed(answer, 'label')).toEqual(['a'])
    expect(answer.body.pagination).toMatchObject({ page: 2, pageSize: 2, total: 3, totalPages: 2 })
    expect((await tenant.send('GET /api/models', { query: { page: 3, pageSize: 2 } })).body).toMatchObject({
      data: [],
      pagination: { total: 3 },
    })
    const viewer = await world.tenant({ role: 'viewer' })
    expect((await viewer.send('GET /api/models')).body.data).toEqual([])
  })
})
