import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listed, makeModel, makeProviderKey, modelWorld } from '../models/testing/model-tests.ts'
import { deleteProviderKey } from './delete-provider-key.ts'

describeEndpoint(deleteProviderKey, {
  as: 'session',
  given: (tenant) => makeProviderKey(tenant),
  call: (providerKeyId) => ({ params: { providerKeyId } }),
  world: modelWorld,
})

describe('deleteProviderKey', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it('deletes the models that use the key, and no others', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const providerKeyId = await makeProviderKey(tenant)
    for (const label of ['a', 'b']) await makeModel(tenant, { label, providerKeyId })
    await makeModel(tenant, { label: 'stays' })
    expect((await send(`DELETE /api/provider-keys/${providerKeyId}`)).status).toBe(204)
    expect(listed(await tenant.send('GET /api/models'), 'label')).toEqual(['stays'])
    expectProblem(deleteProviderKey, await send(`DELETE /api/provider-keys/${providerKeyId}`), 'provider-key-not-found')
  })

  it('is not for members', async () => {
    const tenant = await world.tenant({ role: 'member' })
    const { send } = await tenant.session()
    expectProblem(
      deleteProviderKey,
      await send('DELETE /api/provider-keys/mkey_01jq5x3v7kf8hb2m9w4tcd6e1n'),
      'forbidden',
    )
  })
})
