import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getApplication } from './get-application.ts'
import { applicationsFeature } from './index.ts'

const options = { features: [applicationsFeature] }

describeEndpoint(getApplication, {
  given: async (tenant) => tenant.appId,
  call: (applicationId) => ({ params: { applicationId } }),
  world: options,
})

describe('getting an application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('hides other applications of the organization from an API key, but not from a session', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    expectProblem(getApplication, await tenant.send(`GET /api/applications/${sibling.appId}`), 'app-not-found')
    const answer = await (await tenant.session()).send(`GET /api/applications/${sibling.appId}`)
    expect(answer.body).toMatchObject({ id: sibling.appId, name: 'Sibling', settings: {} })
  })
})
