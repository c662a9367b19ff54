import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { apiKeysFeature } from './index.ts'
import { revokeApiKey } from './revoke-api-key.ts'

const options = { features: [apiKeysFeature, applicationsFeature] }

describeEndpoint(revokeApiKey, {
  as: 'session',
  given: async (tenant) => tenant.apiKeyId,
  call: (keyId) => ({ params: { keyId } }),
  world: options,
})

describe('revoking an API key', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('stops a key immediately, even if it was just used, and no other key', async () => {
    const tenant = await world.tenant()
    const other = await tenant.key()
    const { send } = await tenant.session()
    expect((await tenant.send('GET /api/applications')).status).toBe(200)
    expect((await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)).status).toBe(204)
    expectProblem(undefined, await tenant.send('GET /api/applications'), 'unauthorized')
    expect((await other.send('GET /api/applications')).status).toBe(200)
  })

  it('answers 404 the second time', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)).status).toBe(204)
    expectProblem(revokeApiKey, await send(`DELETE /api/api-keys/${tenant.apiKeyId}`), 'api-key-not-found')
  })
})
