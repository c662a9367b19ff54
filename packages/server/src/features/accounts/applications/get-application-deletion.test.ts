import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getApplicationDeletion } from './get-application-deletion.ts'
import { applicationsFeature } from './index.ts'
import { fillApplication } from './testing/fill-application.ts'

const options = { features: [applicationsFeature] }

describeEndpoint(getApplicationDeletion, {
  as: 'session',
  given: async (tenant) => (await tenant.sibling()).appId,
  call: (applicationId) => ({ params: { applicationId } }),
  world: options,
})

describe('previewing the deletion of an application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('counts only the contents of this application, and the runs that have not ended', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await fillApplication(world, tenant)
    await tenant.key()
    for (const status of ['pending', 'running', 'waiting', 'failed'] as const)
      await insertRun(world.platform, tenant, { status })
    await insertRun(world.platform, { ...tenant, ...sibling }, { status: 'success' })
    const { send } = await tenant.session()
    const nothing = Object.fromEntries(
      Object.keys(world.platform.hooks.contentsOf('application')).map((field) => [field, 0]),
    )
    expect((await send(`GET /api/applications/${tenant.appId}/deletion`)).body).toEqual({
      deletes: { ...nothing, agents: 5, runs: 5, files: 1, endUsers: 1, apiKeys: 2, schedules: 1, webhooks: 1 },
      blockedBy: { activeRuns: 3, isDefault: true },
      countMax: 10_000,
    })
    expect((await send(`GET /api/applications/${sibling.appId}/deletion`)).body).toEqual({
      deletes: { ...nothing, agents: 1, runs: 1, files: 0, endUsers: 0, apiKeys: 1, schedules: 0, webhooks: 0 },
      blockedBy: { activeRuns: 0, isDefault: false },
      countMax: 10_000,
    })
  })

  it('stops counting at 10,000', async () => {
    const tenant = await world.tenant()
    const { organizationId, applicationId } = tenant
    await sql`
      insert into end_users (id, organization_id, application_id)
      select gen_random_uuid(), ${organizationId}::uuid, ${applicationId}::uuid from generate_series(1, 10010)`.execute(
      world.platform.db,
    )
    const { body } = await (await tenant.session()).send(`GET /api/applications/${tenant.appId}/deletion`)
    expect(body.deletes.endUsers).toBe(body.countMax)
  })

  it('shows an API key only its own application', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    expect((await tenant.send(`GET /api/applications/${tenant.appId}/deletion`)).status).toBe(200)
    expectProblem(
      getApplicationDeletion,
      await tenant.send(`GET /api/applications/${sibling.appId}/deletion`),
      'app-not-found',
    )
  })
})
