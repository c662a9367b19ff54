import { expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld } from '../../../testing/world.ts'
import { getApiKey } from './get-api-key.ts'
import { apiKeysFeature } from './index.ts'

const options = { features: [apiKeysFeature] }

describeEndpoint(getApiKey, {
  as: 'session',
  given: async (tenant) => tenant.apiKeyId,
  call: (keyId) => ({ params: { keyId } }),
  world: options,
})

it('returns a key as in the list, without its secret, until the key is revoked', async () => {
  const world = await openWorld(options)
  const tenant = await world.tenant()
  const { send } = await tenant.session()
  const answer = await send(`GET /api/api-keys/${tenant.apiKeyId}`)
  expect(answer.body).toEqual((await send('GET /api/api-keys')).body.data[0])
  expect(answer.text).not.toContain(tenant.apiKey)
  await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
  expectProblem(getApiKey, await send(`GET /api/api-keys/${tenant.apiKeyId}`), 'api-key-not-found')
  await world.close()
})
