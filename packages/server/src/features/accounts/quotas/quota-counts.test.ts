import { sql } from 'kysely'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addEndUser, fillApplication } from '../applications/testing/fill-application.ts'
import { removeAll } from '../removals/testing/remove-all.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** What the rows themselves say, of every organization. */
const counted = sql<{ organization_id: string; quota: string; used: number }>`
  select organization_id, quota, sum(amount)::int as used from (
    select organization_id, 'files' as quota, 1 as amount from files
    union all select organization_id, 'storedBytes', size_bytes from files
    union all select organization_id, 'schedules', 1 from schedules
    union all select organization_id, 'apiKeys', 1 from api_keys where revoked_at is null
    union all select organization_id, 'endUsers', 1 from end_users
    union all select organization_id, 'agents', 1 from packages where type = 'agent' and deleted_at is null
    union all select organization_id, 'applications', 1 from applications where deleted_at is null
    union all select organization_id, 'webhooks', 1 from webhooks
    union all select organization_id, 'members', 1 from organization_members
    union all select organization_id, 'members', 1 from invitations where status = 'pending'
  ) r group by organization_id, quota order by 1, 2`

async function expectExact(): Promise<void> {
  const { db } = world.platform
  const query = sql`select organization_id, quota, used::int from quota_counts where used <> 0 order by 1, 2`
  const kept = await query.execute(db)
  expect(kept.rows).toEqual((await counted.execute(db)).rows)
}

async function usedBy({ organizationId }: Tenant): Promise<Record<string, number>> {
  const rows = await world.platform.db
    .selectFrom('quota_counts')
    .select(['quota', 'used'])
    .where('organization_id', '=', organizationId)
    .execute()
  return Object.fromEntries(rows.map(({ quota, used }) => [quota, used]))
}

const insertFiles = ({ organizationId, applicationId }: Tenant, number: number) =>
  sql`insert into files (id, organization_id, application_id, name, size_bytes, content_type, sha256)
    select gen_random_uuid(), ${organizationId}, ${applicationId}, 'f' || n, n, 'text/csv',
      decode(repeat('00', 32), 'hex')
    from generate_series(1, ${number}) n`.execute(world.platform.db)

describe('the counts of quotas', () => {
  it('follow single rows and batches, changes of a state, and moves of bytes', async () => {
    const tenant = await world.tenant()
    const { db } = world.platform
    expect(await usedBy(tenant)).toEqual({ apiKeys: 1, applications: 1, members: 1 })
    await insertFiles(tenant, 100)
    expect(await usedBy(tenant)).toMatchObject({ files: 100, storedBytes: 5050 })
    const of = ['organization_id', '=', tenant.organizationId] as const
    await db
      .updateTable('files')
      .set({ size_bytes: 0 })
      .where(...of)
      .where('size_bytes', '>', 50)
      .execute()
    await db
      .deleteFrom('files')
      .where(...of)
      .where('size_bytes', '<=', 10)
      .execute()
    expect(await usedBy(tenant)).toMatchObject({ files: 40, storedBytes: 1275 - 55 })
    await tenant.key()
    for (const revoked_at of [new Date(), new Date(0), null, new Date()])
      await db
        .updateTable('api_keys')
        .set({ revoked_at })
        .where(...of)
        .execute()
    expect(await usedBy(tenant)).toMatchObject({ apiKeys: 0 })
    await expectExact()
  })

  it('follow what cascades from an application, an end-user, a user and an organization', async () => {
    const { db } = world.platform
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    for (const each of [tenant, other]) await fillApplication(world, each)
    await expectExact()
    const before = await usedBy(tenant)
    const sibling = await tenant.sibling()
    const owner = { organizationId: tenant.organizationId, applicationId: sibling.applicationId }
    await fillApplication(world, { ...owner, endUser: () => addEndUser(world, owner) })
    expect(await usedBy(tenant)).not.toEqual(before)
    await db.deleteFrom('applications').where('id', '=', sibling.applicationId).execute()
    await expectExact()
    await db.deleteFrom('end_users').where('organization_id', '=', tenant.organizationId).execute()
    await db.deleteFrom('organization_members').where('user_id', '=', other.userId).execute()
    await db.deleteFrom('organizations').where('id', '=', tenant.organizationId).execute()
    expect((await usedBy(tenant))['files'] ?? 0).toBe(0)
    await expectExact()
  })

  it('are removed with a deleted organization, in whatever batches its rows go', async () => {
    const tenant = await world.tenant()
    await fillApplication(world, tenant)
    await insertFiles(tenant, 1_200)
    const { send } = await tenant.session()
    await sql`delete from runs where organization_id = ${tenant.organizationId}`.execute(world.platform.db)
    const deleted = await send(`DELETE /api/orgs/${tenant.orgId}`)
    expect([deleted.status, deleted.text]).toEqual([204, ''])
    await removeAll(world)
    expect(await usedBy(tenant)).toEqual({})
    await expectExact()
  })

  it('stay exact while many add and remove rows at the same time', async () => {
    const tenant = await world.tenant()
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let round = 0; round < 10; round += 1) {
        await tenant.endUser()
        await insertFiles(tenant, lane)
        if (round % 3 === 0)
          await sql`delete from files where id in (
            select id from files where organization_id = ${tenant.organizationId} limit 3
            for update skip locked)`.execute(world.platform.db)
      }
    })
    await Promise.all(lanes)
    expect((await usedBy(tenant))['endUsers']).toBe(80)
    await expectExact()
  })

  it('are not changed by a transaction that is rolled back', async () => {
    const tenant = await world.tenant()
    const { db } = world.platform
    const failed = db.transaction().execute(async (tx) => {
      await tx
        .insertInto('end_users')
        .values({ id: newUuid(), organization_id: tenant.organizationId, application_id: tenant.applicationId })
        .execute()
      throw new Error('rolled back')
    })
    await expect(failed).rejects.toThrow('rolled back')
    expect((await usedBy(tenant))['endUsers'] ?? 0).toBe(0)
  })

  it('can be read, but not written, by the role of a tenant', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const db = world.platform.database.dbOf(tenant.organizationId)
    const seen = await db.selectFrom('quota_counts').select('organization_id').distinct().execute()
    expect(seen).toEqual([{ organization_id: tenant.organizationId }])
    await db.updateTable('quota_counts').set({ used: 0 }).execute()
    await db.deleteFrom('quota_counts').execute()
    expect(await usedBy(tenant)).toMatchObject({ members: 1 })
    expect(await usedBy(other)).toMatchObject({ members: 1 })
    await expect(
      db.insertInto('quota_overrides').values({ organization_id: tenant.organizationId, limits: '{}' }).execute(),
    ).rejects.toThrow('row-level security')
  })
})

it('the migration counts earlier rows exactly, also those that change meanwhile', async () => {
  const fill = readFileSync(join(import.meta.dirname, '../../../../migrations/0019_fill_quota_counts.sql'), 'utf8')
  const [tenant, shrunk] = [await world.tenant(), await world.tenant()]
  const { db } = world.platform
  await insertFiles(tenant, 20)
  await insertFiles(shrunk, 5)
  // As the first file leaves them: every row of a count exists, and nothing is counted.
  await sql`update quota_counts set used = 0`.execute(db)
  await insertFiles(tenant, 3)
  await db.deleteFrom('files').where('organization_id', '=', shrunk.organizationId).execute()
  await sql.raw(fill).execute(db)
  await expectExact()
  await sql.raw(fill).execute(db)
  await expectExact()
})
