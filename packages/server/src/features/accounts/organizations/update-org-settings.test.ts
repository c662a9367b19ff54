import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { organizationsFeature } from './index.ts'
import { updateOrgSettings } from './update-org-settings.ts'

const versions = createVersionRegistry([
  { date: '2027-01-01', changes: [] },
  { date: '2026-03-21', changes: [] },
])
const options = { features: [organizationsFeature, applicationsFeature], versions }

describeEndpoint(updateOrgSettings, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId }, body: { apiVersion: '2026-03-21' } }),
  world: options,
})

describe("changing an organization's settings", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('pins the version of requests without the header, for sessions and immediately for API keys', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const route = `PATCH /api/orgs/${tenant.orgId}/settings`
    const versionOf = async (sender: typeof send) =>
      (await sender('GET /api/applications')).headers.get('appstrate-version')
    expect([await versionOf(send), await versionOf(tenant.send)]).toEqual(['2027-01-01', '2027-01-01'])
    expect((await send(route, { body: { apiVersion: '2026-03-21' } })).body).toMatchObject({
      apiVersion: '2026-03-21',
    })
    expect([await versionOf(send), await versionOf(tenant.send)]).toEqual(['2026-03-21', '2026-03-21'])
    expect((await send(`GET /api/orgs/${tenant.orgId}/settings`)).body).toEqual({
      apiVersion: '2026-03-21',
      auditRetentionDays: null,
    })
    expect((await send(route, { body: { apiVersion: null } })).body).toMatchObject({ apiVersion: null })
    expect([await versionOf(send), await versionOf(tenant.send)]).toEqual(['2027-01-01', '2027-01-01'])
  })

  it('records the values before and after in the audit log', async () => {
    const tenant = await world.tenant()
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}/settings`, {
      body: { apiVersion: '2026-03-21' },
    })
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select('changes')
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({ changes: { apiVersion: { before: null, after: '2026-03-21' } } })
  })

  it('sets how long audit entries are kept, and leaves out what is absent', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const route = `PATCH /api/orgs/${tenant.orgId}/settings`
    await send(route, { body: { apiVersion: '2026-03-21' } })
    expect((await send(route, { body: { auditRetentionDays: 365 } })).body).toEqual({
      apiVersion: '2026-03-21',
      auditRetentionDays: 365,
    })
    expect((await send(route, { body: { auditRetentionDays: null } })).body.auditRetentionDays).toBeNull()
    for (const auditRetentionDays of [0, 29, 3_651, 30.5, '60'])
      expect((await send(route, { body: { auditRetentionDays } })).status).toBe(422)
  })

  it.each(['2020-01-01', 'yesterday', ''])('refuses the version %j', async (apiVersion) => {
    const tenant = await world.tenant()
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}/settings`, {
      body: { apiVersion },
    })
    expectProblem(updateOrgSettings, answer, 'validation-error')
    expect(answer.body.errors).toMatchObject([{ pointer: '/apiVersion' }])
  })

  it('refuses members', async () => {
    const tenant = await world.tenant({ role: 'member' })
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}/settings`, {
      body: { apiVersion: null },
    })
    expectProblem(updateOrgSettings, answer, 'forbidden')
  })
})
