import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createApplication } from './create-application.ts'
import { applicationsFeature } from './index.ts'

const options = { features: [applicationsFeature] }
const name = () => `App ${randomBytes(4).toString('hex')}`

describeEndpoint(createApplication, {
  as: 'session',
  given: async () => name(),
  call: (given) => ({ body: { name: given } }),
  world: options,
})

describe('creating an application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('answers 201 with Location and the application, which can then be read', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const answer = await send('POST /api/applications', {
      body: { name: 'Shop', settings: { allowedRedirectDomains: ['shop.example.com'] } },
    })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`/api/applications/${answer.body.id}`)
    expect(answer.body).toMatchObject({
      name: 'Shop',
      orgId: tenant.orgId,
      isDefault: false,
      settings: { allowedRedirectDomains: ['shop.example.com'] },
      createdBy: tenant.userId,
    })
    expect((await send(`GET ${String(answer.headers.get('location'))}`)).body).toEqual(answer.body)
  })

  it('refuses an API key, which has no access outside its application', async () => {
    const tenant = await world.tenant()
    expectProblem(
      createApplication,
      await tenant.send('POST /api/applications', { body: { name: 'x' } }),
      'session-required',
    )
  })

  it('refuses a session without X-Org-Id, and one of a user who is not a member', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    const body = { name: 'x' }
    expectProblem(
      createApplication,
      await send('POST /api/applications', { body, headers: { 'x-org-id': '' } }),
      'missing-org-id',
    )
    expectProblem(
      createApplication,
      await send('POST /api/applications', { body, headers: { 'x-org-id': stranger.orgId } }),
      'org-not-found',
    )
  })

  it('reports every mistake in a body', async () => {
    const { send } = await (await world.tenant()).session()
    const answer = await send('POST /api/applications', {
      body: { name: 'x'.repeat(101), settings: { allowedRedirectDomains: ['not a host'], color: 1 } },
    })
    expectProblem(createApplication, answer, 'validation-error')
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/name',
      '/settings/allowedRedirectDomains/0',
      '/settings/color',
    ])
  })
})
