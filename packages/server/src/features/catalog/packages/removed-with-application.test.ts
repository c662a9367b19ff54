import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { overrideQuotas } from '../../accounts/quotas/testing/override-quotas.ts'
import { removeAll } from '../../accounts/removals/testing/remove-all.ts'

describe('agents of a deleted application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const create = (at: Pick<Tenant, 'send'>, name: string) =>
    at.send('POST /api/agents', { body: { name, displayName: name, prompt: 'Do it.' } })
  const usedOf = async (tenant: Tenant) =>
    (await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/usage`)).body.agents.used
  const deleteApplication = async (tenant: Tenant, appId: string) =>
    expect((await (await tenant.session()).send(`DELETE /api/applications/${appId}`)).status).toBe(204)
  const installElsewhere = async (agentId: string, applicationId: string) => {
    const { organization_id, package_id, version_id } = await world.platform.db
      .selectFrom('application_packages')
      .selectAll()
      .where('id', '=', parseWireId('agent', agentId) ?? '')
      .executeTakeFirstOrThrow()
    await world.platform.db
      .insertInto('application_packages')
      .values({ id: newUuid(), organization_id, application_id: applicationId, package_id, version_id })
      .execute()
  }

  it('go with it: they count no longer, and their names are free', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await overrideQuotas(world, tenant, { agents: 2 })
    await createAgent(other)
    const second = await tenant.sibling()
    for (const name of ['x', 'y']) expect((await create(second, name)).status).toBe(201)
    expect((await create(tenant, 'z')).status, 'the quota is used up').toBe(403)
    await deleteApplication(tenant, second.appId)
    await removeAll(world)
    expect(await usedOf(tenant)).toBe(0)
    for (const name of ['x', 'y']) expect((await create(tenant, name)).status, name).toBe(201)
    expect([await usedOf(tenant), await usedOf(other)]).toEqual([2, 1])
    const versions = world.platform.db
      .selectFrom('package_versions as v')
      .innerJoin('packages as p', 'p.id', 'v.package_id')
    const kept = await versions.select('v.id').where('p.organization_id', '=', tenant.organizationId).execute()
    expect(kept, 'versions stay').toHaveLength(4)
  })

  it('stay while another application has them installed, and go with the last one', async () => {
    const tenant = await world.tenant()
    const [second, third] = [await tenant.sibling(), await tenant.sibling()]
    const { body } = await create(second, 'shared')
    await installElsewhere(String(body.id), third.applicationId)
    await deleteApplication(tenant, second.appId)
    await removeAll(world)
    expect(await usedOf(tenant)).toBe(1)
    expect((await third.send('GET /api/agents')).body.pagination.total).toBe(1)
    expect((await create(tenant, 'shared')).status).toBe(409)
    await deleteApplication(tenant, third.appId)
    await removeAll(world)
    expect(await usedOf(tenant)).toBe(0)
    expect((await create(tenant, 'shared')).status).toBe(201)
  })

  it('go also when two applications that share them are removed at the same time', async () => {
    const tenant = await world.tenant()
    const [second, third] = [await tenant.sibling(), await tenant.sibling()]
    const { body } = await create(second, 'shared')
    await installElsewhere(String(body.id), third.applicationId)
    for (const { appId } of [second, third]) await deleteApplication(tenant, appId)
    await Promise.all([removeAll(world), removeAll(world)])
    await removeAll(world)
    expect(await usedOf(tenant)).toBe(0)
  })

  it('go when the last other application removes them while the deletion is in progress', async () => {
    const tenant = await world.tenant()
    const second = await tenant.sibling()
    const { body } = await create(second, 'shared')
    await installElsewhere(String(body.id), tenant.applicationId)
    await deleteApplication(tenant, second.appId)
    const [own] = (await tenant.send('GET /api/agents')).body.data
    expect((await tenant.send(`DELETE /api/agents/${own.id}`)).status).toBe(204)
    expect((await create(tenant, 'shared')).status, 'before the removal').toBe(201)
    await removeAll(world)
    expect(await usedOf(tenant)).toBe(1)
  })

  it('go also when a request that began before the deletion removes the last other installation', async () => {
    const tenant = await world.tenant()
    const second = await tenant.sibling()
    const { body } = await create(second, 'shared')
    await installElsewhere(String(body.id), tenant.applicationId)
    await deleteApplication(tenant, second.appId)
    const { removing } = await world.platform.db.transaction().execute(async (tx) => {
      const ofTenant = tx.updateTable('application_packages').where('application_id', '=', tenant.applicationId)
      await ofTenant.set({ removed_at: sql`now()` }).execute()
      const removal = removeAll(world)
      await expect.poll(() => countLockWaiters(), { timeout: 15_000 }).toBe(1)
      // Wrapped in an object: awaiting the removal inside the transaction would deadlock.
      return { removing: removal }
    })
    await removing
    expect(await usedOf(tenant)).toBe(0)
  })

  it('are retired by a migration if an earlier version left them behind', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await createAgent(other)
    await createAgent(tenant)
    const second = await tenant.sibling()
    expect((await create(second, 'left')).status).toBe(201)
    const { db } = world.platform
    await db.deleteFrom('application_packages').where('application_id', '=', second.applicationId).execute()
    expect(await usedOf(tenant)).toBe(2)
    const folder = new URL('../../../../migrations/', import.meta.url)
    const text = await readFile(new URL('0023_retire_packages_without_application.sql', folder), 'utf8')
    await sql.raw(text).execute(db)
    expect([await usedOf(tenant), await usedOf(other)]).toEqual([1, 1])
    expect((await create(tenant, 'left')).status).toBe(201)
  })

  /** Number of statements in this test's database that wait for a lock. */
  const countLockWaiters = async () => {
    const { rows } = await sql<{ waiting: number }>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(world.platform.db)
    return rows[0]?.waiting
  }
})
