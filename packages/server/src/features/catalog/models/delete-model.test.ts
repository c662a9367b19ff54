import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteModel } from './delete-model.ts'
import { makeModel, modelWorld } from './testing/model-tests.ts'

describeEndpoint(deleteModel, {
  given: (tenant) => makeModel(tenant),
  call: (modelId) => ({ params: { modelId } }),
  world: modelWorld,
})

describe('deleteModel', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it('deletes a model once, and leaves no default when it was the default', async () => {
    const tenant = await world.tenant()
    const [first, second] = [await makeModel(tenant), await makeModel(tenant)]
    expect((await tenant.send(`DELETE /api/models/${first}`)).status).toBe(204)
    expectProblem(deleteModel, await tenant.send(`DELETE /api/models/${first}`), 'model-not-found')
    expect((await tenant.send(`GET /api/models/${second}`)).body.isDefault).toBe(false)
  })

  it('is for admins and owners', async () => {
    const member = await world.tenant({ role: 'member' })
    expectProblem(deleteModel, await member.send(`DELETE /api/models/${newWireId('model')}`), 'forbidden')
  })
})
