import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from './index.ts'
import { updateApplication } from './update-application.ts'

const options = { features: [applicationsFeature] }

describeEndpoint(updateApplication, {
  given: async (tenant) => tenant.appId,
  call: (applicationId) => ({ params: { applicationId }, body: { name: 'Renamed' } }),
  world: options,
})

describe('changing an application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('changes the given fields, and replaces all settings', async () => {
    const tenant = await world.tenant()
    const route = `PATCH /api/applications/${tenant.appId}`
    const first = await tenant.send(route, {
      body: { settings: { allowedRedirectDomains: ['a.example.com', 'b.example.com'] } },
    })
    expect(first.body).toMatchObject({
      name: 'Default',
      settings: { allowedRedirectDomains: ['a.example.com', 'b.example.com'] },
    })
    const second = await tenant.send(route, { body: { name: 'Renamed' } })
    expect(second.body).toMatchObject({
      name: 'Renamed',
      settings: { allowedRedirectDomains: ['a.example.com', 'b.example.com'] },
    })
    expect(Date.parse(second.body.updatedAt)).toBeGreaterThanOrEqual(Date.parse(first.body.updatedAt))
    expect((await tenant.send(route, { body: { settings: {} } })).body.settings).toEqual({})
  })

  it('records the values before and after in the audit log, only for fields that changed', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send(`PATCH /api/applications/${tenant.appId}`, {
      body: { name: 'Renamed', settings: {} },
    })
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['resource_id', 'changes'])
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({ resource_id: tenant.appId, changes: { name: { before: 'Default', after: 'Renamed' } } })
  })

  it('does not let an API key change a sibling application', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    expectProblem(
      updateApplication,
      await tenant.send(`PATCH /api/applications/${sibling.appId}`, { body: { name: 'Mine' } }),
      'app-not-found',
    )
    expect((await sibling.send(`GET /api/applications/${sibling.appId}`)).body.name).toBe('Sibling')
  })
})
