import { expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld } from '../../../testing/world.ts'
import { apiKeysFeature } from './index.ts'
import { listAvailableScopes } from './list-available-scopes.ts'

const options = { features: [apiKeysFeature] }

describeEndpoint(listAvailableScopes, { as: 'session', given: async () => undefined, call: () => ({}), world: options })

it('lists the grantable permissions of the role', async () => {
  const world = await openWorld(options)
  const { send } = await (await world.tenant()).session()
  expect((await send('GET /api/api-keys/available-scopes')).body).toEqual({
    scopes: world.platform.permissions.grantable,
  })
  expect(world.platform.permissions.grantable).not.toContain('api-keys:create')
  await world.close()
})
