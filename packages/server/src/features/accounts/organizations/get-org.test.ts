import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getOrg } from './get-org.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(getOrg, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('getting an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it.each(['owner', 'admin', 'member', 'viewer'] as const)('answers a %s with their role', async (role) => {
    const tenant = await world.tenant({ role })
    const { send } = await tenant.session()
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).body).toMatchObject({
      id: tenant.orgId,
      slug: tenant.slug,
      role,
    })
  })

  it('answers an API key 403 for its own organization and 404 for another', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    expectProblem(getOrg, await tenant.send(`GET /api/orgs/${tenant.orgId}`), 'forbidden')
    expectProblem(getOrg, await tenant.send(`GET /api/orgs/${stranger.orgId}`), 'org-not-found')
  })
})
