import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { organizationsFeature } from './index.ts'
import { listOrgs } from './list-orgs.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(listOrgs, { as: 'session', given: async () => undefined, call: () => ({}), world: options })

describe('listing organizations', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it("pages through the user's organizations, newest first, with their role in each", async () => {
    const tenant = await world.tenant({ role: 'member' })
    await world.tenant()
    const { send } = await tenant.session()
    const created = (await send('POST /api/orgs', { body: { name: 'Second' } })).body
    const first = await send('GET /api/orgs', { query: { pageSize: 1 } })
    expect(first.body).toMatchObject({ data: [created], pagination: { page: 1, pageSize: 1, total: 2, totalPages: 2 } })
    expect((await send('GET /api/orgs', { query: { pageSize: 1, page: 2 } })).body.data).toMatchObject([
      { id: tenant.orgId, slug: tenant.slug, role: 'member' },
    ])
  })
})
