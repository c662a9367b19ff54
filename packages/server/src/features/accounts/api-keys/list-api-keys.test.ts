import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { apiKeysFeature } from './index.ts'
import { listApiKeys } from './list-api-keys.ts'

const options = { features: [apiKeysFeature] }

describeEndpoint(listApiKeys, { as: 'session', given: async () => undefined, call: () => ({}), world: options })

describe('listing API keys', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it("pages through the application's keys that are not revoked, newest first, without secrets", async () => {
    const tenant = await world.tenant()
    await tenant.sibling()
    const second = await tenant.key()
    const third = await tenant.key()
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/api-keys/${second.apiKeyId}`)).status).toBe(204)
    const answer = await send('GET /api/api-keys', { query: { pageSize: 1 } })
    expect(answer.body.data.map(({ id }: { id: string }) => id)).toEqual([third.apiKeyId])
    expect(answer.body.pagination).toMatchObject({ page: 1, pageSize: 1, total: 2, totalPages: 2 })
    const rest = await send('GET /api/api-keys', { query: { pageSize: 1, page: 2 } })
    expect(rest.body.data.map(({ id }: { id: string }) => id)).toEqual([tenant.apiKeyId])
    expect(Object.keys(rest.body.data[0]).sort()).toEqual([
      'createdAt',
      'createdBy',
      'createdByName',
      'expiresAt',
      'id',
      'keyPrefix',
      'lastUsedAt',
      'limits',
      'name',
      'previousExpiresAt',
      'revokedAt',
      'rotatedAt',
      'scopes',
    ])
    expect(rest.body.data[0]).toMatchObject({ createdByName: 'Test Owner', rotatedAt: null, previousExpiresAt: null })
  })
})
