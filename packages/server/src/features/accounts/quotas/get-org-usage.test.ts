import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { fillApplication } from '../applications/testing/fill-application.ts'
import { getOrgUsage } from './get-org-usage.ts'
import { quotasFeature } from './index.ts'
import { overrideQuotas } from './testing/override-quotas.ts'

const options = { features: [quotasFeature] }

describeEndpoint(getOrgUsage, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('the usage of an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ ...options, environment: { QUOTA_FILES: '7', QUOTA_WEBHOOKS: 'unlimited' } })
  })
  afterAll(() => world.close())

  it.each(['owner', 'admin', 'member', 'viewer'] as const)('can be read by a %s', async (role) => {
    const tenant = await world.tenant({ role })
    const { status, body } = await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/usage`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      runsPerMinute: { limit: 300_000, used: 0, source: 'default' },
      concurrentRuns: { limit: 1_000, used: 0 },
      unfinishedRuns: { limit: 20_000, used: 0 },
      storedBytes: { limit: 107_374_182_400, used: 0 },
      files: { limit: 7, used: 0 },
      streams: { limit: 1_000, used: 0 },
      webhooks: { limit: null, used: 0 },
      apiKeys: { used: 1 },
      applications: { used: 1 },
      members: { used: 1 },
    })
  })

  it('is hidden from strangers, and forbidden to API keys', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    const { send } = await stranger.session()
    expectProblem(getOrgUsage, await send(`GET /api/orgs/${tenant.orgId}/usage`), 'org-not-found')
    expectProblem(getOrgUsage, await stranger.send(`GET /api/orgs/${tenant.orgId}/usage`), 'org-not-found')
    expectProblem(getOrgUsage, await tenant.send(`GET /api/orgs/${tenant.orgId}/usage`), 'forbidden')
  })

  it("shows what the organization has and its overrides, and nothing of another's", async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    for (const each of [tenant, other]) await fillApplication(world, each)
    for (const status of ['pending', 'pending', 'running'] as const) await insertRun(world.platform, tenant, { status })
    await overrideQuotas(world, tenant, { files: 3, endUsers: null })
    const { body } = await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/usage`)
    expect(body).toMatchObject({
      files: { limit: 3, used: 1, source: 'override' },
      endUsers: { limit: null, used: 1, source: 'override' },
      storedBytes: { used: 1, source: 'default' },
      unfinishedRuns: { used: 3 },
      concurrentRuns: { used: 1 },
    })
  })

  it('reads an index of unfinished runs, not all runs', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const { id } = await insertRun(world.platform, tenant, { status: 'success' })
    const { db } = world.platform
    const columns = await sql<{ names: string }>`
      select string_agg(quote_ident(attname), ', ') as names from pg_attribute
      where attrelid = 'runs'::regclass and attnum > 0 and attname <> 'id' and not attisdropped`.execute(db)
    const names = sql.raw(columns.rows[0]?.names ?? '')
    await sql`insert into runs (id, ${names}) select gen_random_uuid(), ${names} from runs, generate_series(1, 5000)
      where id = ${id}`.execute(db)
    await sql`analyze runs`.execute(db)
    const plan = await sql<Record<string, string>>`explain select count(*) from (
      select from runs where organization_id = ${tenant.organizationId} and status = 'pending' limit 100) r`.execute(db)
    expect(JSON.stringify(plan.rows)).toMatch(/runs_pending|runs_active|runs_unfinished/)
    expect((await send(`GET /api/orgs/${tenant.orgId}/usage`)).body.unfinishedRuns.used).toBe(0)
  })
})
