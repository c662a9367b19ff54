import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../../accounts/applications/index.ts'
import { chainEntries } from './chain-entries.job.ts'
import { auditFeature } from './index.ts'
import { chainAll, writeEntries, writeMany } from './testing/audit-tests.ts'

const signal = new AbortController().signal

describe('the chaining of audit entries', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [auditFeature, applicationsFeature] })
  })
  afterAll(() => world.close())

  const verify = async (tenant: Tenant) => (await (await tenant.session()).send('GET /api/audit-log/verify')).body
  const chainOf = async ({ organizationId }: Tenant) => {
    const { rows } = await sql<{ seq: number; resourceId: string; transaction: number; position: number }>`
      select seq, resource_id as "resourceId", transaction::text::bigint as transaction, position
      from audit_log where organization_id = ${organizationId} order by seq`.execute(world.platform.db)
    return rows
  }

  it('numbers the entries of each organization separately, without gaps', async () => {
    const [a, b] = [await world.tenant(), await world.tenant()]
    for (const tenant of [a, b, a, a, b]) await writeEntries(world, tenant, [{}])
    await chainAll(world)
    expect((await chainOf(a)).map(({ seq }) => seq)).toEqual([1, 2, 3])
    await writeEntries(world, a, [{}])
    await chainAll(world)
    expect(await verify(a)).toMatchObject({
      valid: true,
      entries: 4,
      head: { seq: 4 },
      unchained: 0,
      problems: [],
      next: null,
    })
    expect(await verify(b)).toMatchObject({ valid: true, entries: 2, head: { seq: 2 } })
  })

  it('follows the commit order while many transactions write at once, some of them slowly', async () => {
    const tenants = await Promise.all([world.tenant(), world.tenant(), world.tenant()])
    const owners = await Promise.all(tenants.map((tenant) => tenant.session()))
    let isWriting = true
    const chaining = [0, 1].map(async () => {
      while (isWriting) await chainEntries.run(world.platform, signal)
    })
    // An entry that is written early and committed late.
    const slow = tenants.map((tenant, n) =>
      world.platform.db.transaction().execute(async (tx) => {
        await insertAuditEntry(tx, {
          action: 'test.slow',
          actor: { kind: 'system', part: 'tests' },
          scope: tenant.scope,
          resourceId: 'slow',
        })
        await sql`select pg_sleep(${0.1 + n * 0.1})`.execute(tx)
      }),
    )
    const answers = await Promise.all(
      owners.flatMap(({ send }) =>
        Array.from({ length: 30 }, (_value, n) =>
          send('POST /api/applications', { body: { name: `Application ${n}` } }),
        ),
      ),
    )
    await Promise.all(slow)
    isWriting = false
    await Promise.all(chaining)
    await chainAll(world)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    for (const tenant of tenants) {
      const chain = await chainOf(tenant)
      expect(chain.map(({ seq }) => seq)).toEqual(Array.from({ length: 31 }, (_value, n) => n + 1))
      expect([...chain].sort((a, b) => a.transaction - b.transaction || a.position - b.position)).toEqual(chain)
      expect(await verify(tenant)).toMatchObject({ valid: true, entries: 31, head: { seq: 31 }, unchained: 0 })
    }
  }, 60_000)

  it('waits for an older open transaction, whose entries come before later ones', async () => {
    const tenant = await world.tenant()
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const slow = world.platform.db.transaction().execute(async (tx) => {
      await insertAuditEntry(tx, {
        action: 'test.made',
        actor: { kind: 'anonymous' },
        scope: tenant.scope,
        resourceId: 'first',
      })
      begun.resolve()
      await gate.promise
    })
    await begun.promise
    await writeEntries(world, tenant, [{ resourceId: 'second' }])
    await chainEntries.run(world.platform, signal)
    expect(await verify(tenant)).toMatchObject({ valid: true, entries: 0, head: null, unchained: 1 })
    gate.resolve()
    await slow
    await chainAll(world)
    expect((await chainOf(tenant)).map(({ resourceId }) => resourceId)).toEqual(['first', 'second'])
  })

  it('skips entries that were rolled back', async () => {
    const tenant = await world.tenant()
    const failing = world.platform.db.transaction().execute(async (tx) => {
      await insertAuditEntry(tx, {
        action: 'test.made',
        actor: { kind: 'anonymous' },
        scope: tenant.scope,
        resourceId: 'undone',
      })
      throw new Error('not after all')
    })
    await expect(failing).rejects.toThrow('not after all')
    await writeEntries(world, tenant, [{ resourceId: 'done' }])
    await chainAll(world)
    expect(await chainOf(tenant)).toMatchObject([{ seq: 1, resourceId: 'done' }])
  })

  it('runs in one process at a time', async () => {
    const tenant = await world.tenant()
    await writeMany(world, tenant, { count: 1_200 })
    await Promise.all(Array.from({ length: 5 }, () => chainAll(world)))
    expect(await verify(tenant)).toMatchObject({ valid: true, entries: 1_200, head: { seq: 1_200 }, unchained: 0 })
  })

  it('leaves an intact chain when its process is killed midway', async () => {
    const tenant = await world.tenant()
    await writeEntries(world, tenant, [{}, {}])
    await chainAll(world)
    await writeEntries(world, tenant, [{}, {}])
    // Lock the head, so that the chaining blocks after writing its links and before committing them.
    await world.platform.db.transaction().execute(async (tx) => {
      await sql`select 1 from audit_chains where organization_id = ${tenant.organizationId} for update`.execute(tx)
      // Open transactions of other tests can delay the chaining, so call it until it gets that far.
      const chainUntilKilled = async () => {
        for (;;) await chainEntries.run(world.platform, signal)
      }
      const killed = chainUntilKilled().catch(() => 'killed')
      await eventually(async () => {
        const { rows } = await sql<{ pid: number }>`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'
            and query like '%insert into audit_chains%'`.execute(world.platform.db)
        return rows[0]
      })
      expect(await killed).toBe('killed')
    })
    expect(await verify(tenant)).toMatchObject({ valid: true, entries: 2, head: { seq: 2 }, unchained: 2 })
    await chainAll(world)
    expect(await verify(tenant)).toMatchObject({ valid: true, entries: 4, head: { seq: 4 }, unchained: 0 })
  })

  it('continues at the end of the log when a head was deleted, and does not block other organizations', async () => {
    const [robbed, other] = [await world.tenant(), await world.tenant()]
    await writeEntries(world, robbed, [{}, {}])
    await chainAll(world)
    await sql`delete from audit_chains where organization_id = ${robbed.organizationId}`.execute(world.platform.db)
    expect((await verify(robbed)).problems).toMatchObject([{ seq: 2, kind: 'head' }])
    await writeEntries(world, robbed, [{}])
    await writeEntries(world, other, [{}])
    await chainAll(world)
    expect((await chainOf(robbed)).map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(await verify(other)).toMatchObject({ valid: true, entries: 1 })
  })

  it('chains the entries of a restored database, whose transaction ids are higher than any here', async () => {
    const tenant = await world.tenant()
    await writeEntries(world, tenant, [{ resourceId: 'restored' }])
    await sql`
      update audit_log set transaction = '900000000000'
      where organization_id = ${tenant.organizationId}`.execute(world.platform.db)
    await chainAll(world)
    await writeEntries(world, tenant, [{ resourceId: 'new' }])
    await chainAll(world)
    expect((await chainOf(tenant)).map(({ resourceId }) => resourceId)).toEqual(['restored', 'new'])
    expect(await verify(tenant)).toMatchObject({ valid: true, entries: 2 })
  })

  it('skips entries without an organization', async () => {
    await world.platform.db.transaction().execute((tx) =>
      insertAuditEntry(tx, {
        action: 'org.deleted',
        actor: { kind: 'anonymous' },
        scope: undefined,
        resourceId: 'org_gone',
      }),
    )
    await chainAll(world)
    expect(
      await world.platform.db.selectFrom('audit_log').select('seq').where('resource_id', '=', 'org_gone').execute(),
    ).toEqual([{ seq: null }])
  })

  it('is a job of the workers', async () => {
    const working = await openWorld({ features: [auditFeature], jobs: true })
    const tenant = await working.tenant()
    await writeEntries(working, tenant, [{}])
    const { send } = await tenant.session()
    await eventually(
      async () => ((await send('GET /api/audit-log/verify')).body.entries === 1 ? true : undefined),
      30_000,
    )
    await working.close()
  }, 60_000)
})
