import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { appendEvent, insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteOrg } from './delete-org.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(deleteOrg, { as: 'session', given: async (tenant) => tenant.orgId, call: (orgId) => ({ params: { orgId } }), world: options })

describe('deleting an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('leaves nothing of it in any table, and its API keys stop working at once', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await fill(world, tenant)
    await fill(world, other)
    const tables = await tablesOfTenants(world)
    const before = await countRows(world, tables, tenant)
    expect(Object.entries(before).filter(([, count]) => count === 0)).toEqual([])
    const ofOther = await countRows(world, tables, other)
    expect((await tenant.send(`GET /api/orgs/${tenant.orgId}`)).status).toBe(403)
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/orgs/${tenant.orgId}`)).status).toBe(204)
    expect(await countRows(world, tables, tenant)).toEqual(Object.fromEntries(tables.map((table) => [table, 0])))
    expect(await countRows(world, tables, other)).toEqual(ofOther)
    expectProblem(deleteOrg, await tenant.send(`GET /api/orgs/${tenant.orgId}`), 'unauthorized')
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'org-not-found')
    expect((await send('GET /api/orgs')).body.data).toEqual([])
  })

  it.each(['pending', 'running', 'waiting'] as const)('is refused while a run is %s', async (status) => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await insertRun(world.platform, { ...tenant, ...sibling }, { status })
    const { send } = await tenant.session()
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'org-in-use')
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).status).toBe(200)
  })

  it.each(['admin', 'member', 'viewer'] as const)('is for owners, not for a %s', async (role) => {
    const tenant = await world.tenant({ role })
    const { send } = await tenant.session()
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'forbidden')
  })
})

/** At least one row in every table that belongs to a tenant. */
async function fill({ platform }: World, tenant: Tenant): Promise<void> {
  const { db } = platform
  const of = { organization_id: tenant.organizationId, application_id: tenant.applicationId }
  const endUser = await tenant.endUser()
  const run = await insertRun(platform, tenant, { status: 'success', endUser })
  await appendEvent({ db }, run, { message: 'hello' })
  const fileId = newUuid()
  await db.insertInto('files').values({ id: fileId, ...of, name: 'a.csv', size_bytes: 1, content_type: 'text/csv', sha256: Buffer.alloc(32) }).execute()
  await db.insertInto('run_inputs').values({ application_id: tenant.applicationId, run_id: run.id, file_id: fileId, name: 'a.csv' }).execute()
  const keyId = newUuid()
  await db.insertInto('provider_keys').values({ id: keyId, organization_id: tenant.organizationId, label: 'k', api: 'openai', encrypted_key: 'x' }).execute()
  await db
    .insertInto('models')
    .values({ id: newUuid(), organization_id: tenant.organizationId, provider_key_id: keyId, label: 'm', model_id: 'm' })
    .execute()
  await db.insertInto('audit_log').values({ id: newUuid(), ...of, action: 'a.b', actor: '{}', request_id: 'r', method: 'POST', path: '/' }).execute()
}

async function tablesOfTenants({ platform }: World): Promise<string[]> {
  const { rows } = await platform.database.pool.query<{ table_name: string }>(
    `select table_name from information_schema.columns where table_schema = 'public' and column_name = 'organization_id' order by 1`,
  )
  return rows.map((row) => row.table_name)
}

async function countRows({ platform }: World, tables: readonly string[], tenant: Tenant): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await platform.database.pool.query<{ count: number }>(`select count(*) from "${table}" where organization_id = $1`, [tenant.organizationId])
    counts[table] = rows[0]?.count ?? -1
  }
  return counts
}
