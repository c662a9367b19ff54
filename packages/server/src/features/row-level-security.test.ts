import { sql } from 'kysely'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import pg from 'pg'
import { openDatabase, type Database } from '../platform/db/database.ts'
import { migrate } from '../platform/db/migrate.ts'
import { endpoint, ok } from '../platform/http/endpoint.ts'
import { feature } from '../platform/http/feature.ts'
import { newUuid } from '../platform/ids/id.ts'
import { createLog } from '../platform/log/log.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { cloneDatabase, type TestDatabase } from '../testing/test-database.ts'
import { openWorld, type World } from '../testing/world.ts'
import { countRows, fillApplication, tablesWith } from './accounts/applications/testing/fill-application.ts'
import { features } from './index.ts'

/** Reads and changes all rows, like an endpoint whose statement lacks its tenant conditions. */
const countAllRuns = endpoint({
  route: 'POST /api/careless-runs',
  summary: 'Counts and changes all runs',
  caller: 'application',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'run.touched',
  returns: { 200: Type.Object({ seen: Type.Integer(), changed: Type.Integer() }) },
  fails: [],
  async handle({ db, change }) {
    const seen = await db.selectFrom('runs').select('id').execute()
    const changed = await change((tx) => tx.updateTable('runs').set({ report: 'touched' }).executeTakeFirst())
    return ok({ seen: seen.length, changed: Number(changed.numUpdatedRows) })
  },
})
const carelessFeature = feature({ folder: 'careless', tag: 'Careless', description: '', endpoints: { countAllRuns } })

describe('row-level security between tenants', () => {
  let world: World
  let [one, other]: Tenant[] = []
  let database: Database
  const tenants = (): [Tenant, Tenant] => {
    if (one === undefined || other === undefined) throw new Error('The tenants must be created first.')
    return [one, other]
  }
  beforeAll(async () => {
    world = await openWorld({ features: [...features, carelessFeature] })
    database = world.platform.database
    ;[one, other] = [await world.tenant(), await world.tenant()]
    for (const tenant of tenants()) await fillApplication(world, tenant)
  })
  afterAll(() => world.close())

  it('is enabled on every table with a tenant column', async () => {
    const owned = new Set([
      ...(await tablesWith(world, 'organization_id')),
      ...(await tablesWith(world, 'application_id')),
    ])
    const { rows } = await sql<{ name: string }>`
      select relname as name from pg_class
      where relrowsecurity and exists (select from pg_policy where polrelid = pg_class.oid)`.execute(database.db)
    const secured = new Set(rows.map(({ name }) => name))
    expect([...owned].filter((table) => !secured.has(table))).toEqual([])
    expect(await database.hasRowSecurity()).toBe(true)
  })

  it('shows each tenant only its own rows, even to a statement without conditions', async () => {
    const [tenant] = tenants()
    const byOrganization = await tablesWith(world, 'organization_id')
    const byApplication = (await tablesWith(world, 'application_id')).filter((table) => !byOrganization.includes(table))
    const own = {
      ...(await countRows(world, byOrganization, { column: 'organization_id', value: tenant.organizationId })),
      ...(await countRows(world, byApplication, { column: 'application_id', value: tenant.applicationId })),
    }
    const db = database.dbOf(tenant.organizationId)
    for (const [table, rows] of Object.entries(own)) {
      const seen = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(table)}`.execute(db)
      expect({ table, rows: seen.rows[0]?.rows }).toEqual({ table, rows })
    }
    expect(own['runs']).toBeGreaterThan(0)
    expect(await db.selectFrom('organizations').select('id').execute()).toEqual([{ id: tenant.organizationId }])
  })

  it('prevents inserting rows into another tenant and moving rows there', async () => {
    const [tenant, stranger] = tenants()
    const db = database.dbOf(tenant.organizationId)
    const application = { id: newUuid(), organization_id: stranger.organizationId, name: 'planted' }
    await expect(db.insertInto('applications').values(application).execute()).rejects.toThrow('row-level security')
    await expect(
      db.updateTable('webhooks').set({ organization_id: stranger.organizationId }).execute(),
    ).rejects.toThrow('row-level security')
    expect(
      Number(
        (await db.deleteFrom('runs').where('application_id', '=', stranger.applicationId).executeTakeFirst())
          .numDeletedRows,
      ),
    ).toBe(0)
  })

  it("denies tenants access to the server's own secret tables", async () => {
    const db = database.dbOf(tenants()[0].organizationId)
    for (const table of ['accounts', 'verifications', 'two_factors', 'passkeys', 'migrations', 'idempotency_keys']) {
      await expect(sql`select 1 from ${sql.table(table)}`.execute(db), table).rejects.toThrow('permission denied')
    }
  })

  it("applies to every request: a careless endpoint sees and changes only the caller's rows", async () => {
    const before = await countReports(world)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_value, n) => tenants()[n % 2 === 0 ? 0 : 1].send('POST /api/careless-runs')),
    )
    expect(answers.map(({ body }) => body)).toEqual(answers.map(() => ({ seen: 1, changed: 1 })))
    expect(before).toBe(0)
    expect(await countReports(world)).toBe(2)
  })

  it('is detected without a deadlock on an exhausted connection pool', async () => {
    const narrow = openDatabase(optionsOf(database), { connectionsMax: 2, log: createLog('silent') })
    const reads = Array.from({ length: 6 }, () =>
      narrow.dbOf(tenants()[0].organizationId).selectFrom('runs').select('id').execute(),
    )
    expect((await Promise.all(reads)).map((rows) => rows.length)).toEqual([1, 1, 1, 1, 1, 1])
    await narrow.close()
  })

  it('does not restrict the unscoped server, on the same connections', async () => {
    const [tenant] = tenants()
    await Promise.all(
      Array.from({ length: 30 }, (_value, n) =>
        (n % 2 === 0 ? database.dbOf(tenant.organizationId) : database.db)
          .selectFrom('runs')
          .select('id')
          .execute()
          .then((rows) => expect(rows).toHaveLength(n % 2 === 0 ? 1 : 2)),
      ),
    )
  })
})

async function countReports({ platform }: World): Promise<number> {
  return (await platform.db.selectFrom('runs').select('id').where('report', '=', 'touched').execute()).length
}

describe('a database account without superuser rights', () => {
  const log = createLog('silent')
  const password = 'of the tests'
  const roles: string[] = []
  const databases: { drop(): Promise<void> }[] = []

  /** Creates a database with an empty schema that belongs to a new account. */
  async function createAs(rights: string): Promise<{ open(): Database; admin: TestDatabase; account: string }> {
    const admin = await cloneDatabase()
    const account = `tester_${newUuid().replaceAll('-', '')}`
    await asAdmin(
      admin,
      `create role ${account} login ${rights} password '${password}'`,
      `create schema mine authorization ${account}`,
    )
    roles.push(account)
    databases.push(admin)
    const url = new URL(admin.connectionString)
    url.username = account
    url.password = password
    url.searchParams.set('options', '-c search_path=mine')
    return {
      open: () => openDatabase({ connectionString: url.toString() }, { connectionsMax: 2, log }),
      admin,
      account,
    }
  }
  afterAll(async () => {
    for (const { drop } of databases) await drop()
    const cleaner = await cloneDatabase()
    for (const role of roles) await asAdmin(cleaner, `drop role ${role}`)
    await cleaner.drop()
  })

  it('works without row-level security until the tenant role is granted to it', async () => {
    const { open, admin, account } = await createAs('nocreaterole')
    const database = open()
    await migrate(database.pool)
    expect(await database.hasRowSecurity()).toBe(false)
    expect(await database.dbOf(newUuid()).selectFrom('organizations').select('id').execute()).toEqual([])
    await asAdmin(admin, `grant appstrate_tenant to ${account}`)
    const again = open()
    await migrate(again.pool)
    expect(await again.hasRowSecurity()).toBe(true)
    const { rows } = await sql`select current_user as acts_as`.execute(again.dbOf(newUuid()))
    expect(rows).toEqual([{ acts_as: 'appstrate_tenant' }])
    await Promise.all([database.close(), again.close()])
  })
})

function optionsOf({ pool }: Database) {
  const { connectionString } = pool.options
  return connectionString === undefined ? {} : { connectionString }
}

async function asAdmin({ connectionString }: TestDatabase, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
