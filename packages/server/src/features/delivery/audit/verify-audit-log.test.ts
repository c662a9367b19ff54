import { sql, type RawBuilder } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { auditWorld, chainAll, givenChain, writeEntries, writeMany } from './testing/audit-tests.ts'
import { verifyAuditLog } from './verify-audit-log.ts'

describeEndpoint(verifyAuditLog, { as: 'session', given: async () => undefined, call: () => ({}), world: auditWorld })

describe('verifying the audit log', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(auditWorld)
  })
  afterAll(() => world.close())

  const tamper = (statement: RawBuilder<unknown>) => statement.execute(world.platform.db)
  const at = ({ organizationId }: Tenant, seq: number) => sql`organization_id = ${organizationId} and seq = ${seq}`
  const kinds = (body: { problems: { seq: number; kind: string }[] }) =>
    body.problems.map(({ seq, kind }) => `${kind} ${seq}`)
  const verifyAfter = async (attack: (tenant: Tenant) => Promise<void>) => {
    const { tenant, send } = await givenChain(world, 6)
    const { head } = (await send('GET /api/audit-log/verify')).body
    await attack(tenant)
    const verify = async (query = {}) => (await send('GET /api/audit-log/verify', { query })).body
    return { verify, head, tenant, body: await verify() }
  }

  it('finds no problem in an untouched or empty log', async () => {
    const { body } = await verifyAfter(async () => undefined)
    expect(body).toEqual({
      valid: true,
      entries: 6,
      head: { seq: 6, hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      removedThrough: 0,
      unchained: 0,
      problems: [],
      complete: true,
      next: null,
      nextAfter: null,
    })
    const { send } = await (await world.tenant()).session()
    expect((await send('GET /api/audit-log/verify')).body).toEqual({
      valid: true,
      entries: 0,
      head: null,
      removedThrough: 0,
      unchained: 0,
      problems: [],
      complete: true,
      next: null,
      nextAfter: null,
    })
  })

  it.each([
    ['id', sql`${newUuid()}`],
    ['application_id', sql`${newUuid()}`],
    ['action', sql`'test.other'`],
    ['actor', sql`'{"kind": "system", "part": "others"}'::jsonb`],
    ['actor', sql`actor || '{"more": 1}'::jsonb`],
    ['actor', sql`'"nobody"'::jsonb`],
    ['resource_id', sql`null`],
    ['changes', sql`'{"n": {"before": 2, "after": 4}}'::jsonb`],
    ['request_id', sql`'req_1'`],
    ['method', sql`'GET'`],
    ['path', sql`'/api'`],
    ['ip', sql`'127.0.0.1'`],
    ['user_agent', sql`''`],
    ['created_at', sql`created_at - interval '1 ms'`],
    ['created_at', sql`'infinity'::timestamptz`],
    ['hash', sql`sha256('x')`],
    ['hash', sql`null`],
  ])('finds a changed %s', async (column, value) => {
    const { body } = await verifyAfter(
      async (tenant) =>
        void (await tamper(sql`update audit_log set ${sql.ref(column)} = ${value} where ${at(tenant, 3)}`)),
    )
    expect(body.valid).toBe(false)
    expect(kinds(body)[0]).toBe('changed 3')
    expect(body.problems.every(({ kind }: { kind: string }) => kind === 'changed')).toBe(true)
  })

  it('finds an entry that was moved to another organization', async () => {
    const stranger = await world.tenant()
    const { body } = await verifyAfter(
      async (tenant) =>
        void (await tamper(
          sql`update audit_log set organization_id = ${stranger.organizationId} where ${at(tenant, 3)}`,
        )),
    )
    expect(kinds(body)).toEqual(['gap 3'])
    expect((await (await stranger.session()).send('GET /api/audit-log/verify')).body.valid).toBe(false)
  })

  it.each([
    [1, ['gap 1']],
    [4, ['gap 4']],
    [6, ['head 6']],
  ])('finds that entry %d was removed', async (seq, expected) => {
    const { body } = await verifyAfter(
      async (tenant) => void (await tamper(sql`delete from audit_log where ${at(tenant, seq)}`)),
    )
    expect(kinds(body)).toEqual(expected)
  })

  it('reports several removed entries as one gap, and finds that all were removed', async () => {
    const removed = await verifyAfter(
      async ({ organizationId }) =>
        void (await tamper(sql`delete from audit_log where organization_id = ${organizationId} and seq in (2, 3, 4)`)),
    )
    expect(removed.body.problems).toEqual([{ seq: 2, kind: 'gap', detail: 'The entries 2 to 4 are missing.' }])
    const emptied = await verifyAfter(
      async ({ organizationId }) =>
        void (await tamper(sql`delete from audit_log where organization_id = ${organizationId}`)),
    )
    expect(kinds(emptied.body)).toEqual(['head 6'])
  })

  it.each(['with their hashes', 'without their hashes'])('finds two swapped entries, %s', async (how) => {
    const { body } = await verifyAfter(async (tenant) => {
      const hash =
        how === 'with their hashes'
          ? sql`hash`
          : sql`(
              select hash from audit_log other
              where other.organization_id = audit_log.organization_id and other.seq = 7 - audit_log.seq)`
      await world.platform.db.transaction().execute(async (tx) => {
        await sql`
          create temporary table moved on commit drop as
          select id, 7 - seq as seq, ${hash} as hash from audit_log
          where organization_id = ${tenant.organizationId} and seq in (3, 4)`.execute(tx)
        await sql`update audit_log set seq = null from moved where moved.id = audit_log.id`.execute(tx)
        await sql`
          update audit_log set seq = moved.seq, hash = moved.hash from moved
          where moved.id = audit_log.id`.execute(tx)
      })
    })
    expect(kinds(body).slice(0, 2)).toEqual(['reordered 3', 'reordered 4'])
  })

  it('finds a forged entry that was inserted between others', async () => {
    const { body } = await verifyAfter(async (tenant) => {
      for (const seq of [6, 5, 4]) await tamper(sql`update audit_log set seq = seq + 1 where ${at(tenant, seq)}`)
      await tamper(sql`
        insert into audit_log (id, organization_id, action, actor, seq, hash)
        values (${newUuid()}, ${tenant.organizationId}, 'test.forged', '{"kind": "system"}', 4, sha256('forged'))`)
      await tamper(sql`update audit_chains set seq = 7 where organization_id = ${tenant.organizationId}`)
    })
    expect(kinds(body)[0]).toMatch(/ 4$/)
  })

  it('finds a forged entry after the end, and a changed head', async () => {
    const forged = await verifyAfter(async ({ organizationId }) => {
      await tamper(
        sql`
          insert into audit_log (id, organization_id, action, actor, seq, hash)
          values (${newUuid()}, ${organizationId}, 'test.forged', '{}', 7, sha256('forged'))`,
      )
    })
    expect(kinds(forged.body)).toEqual(['changed 7', 'head 6'])
    const beheaded = await verifyAfter(
      async ({ organizationId }) =>
        void (await tamper(sql`update audit_chains set hash = sha256('x') where organization_id = ${organizationId}`)),
    )
    expect(kinds(beheaded.body)).toEqual(['head 6'])
  })

  it('finds a tail that was removed together with the recorded head only with an archived head', async () => {
    const { body, verify, head } = await verifyAfter(async ({ organizationId }) => {
      await tamper(sql`delete from audit_log where organization_id = ${organizationId} and seq > 4`)
      await tamper(
        sql`
          update audit_chains c set seq = l.seq, hash = l.hash from audit_log l
          where l.organization_id = ${organizationId} and c.organization_id = l.organization_id and l.seq = 4`,
      )
    })
    expect(body.valid).toBe(true)
    expect(kinds(await verify(head))).toEqual(['head 6'])
    // Later entries take the numbers of the removed ones.
    const refilled = await verifyAfter(async (tenant) => {
      await tamper(sql`delete from audit_log where ${at(tenant, 6)}`)
      await tamper(
        sql`
          update audit_chains c set seq = l.seq, hash = l.hash from audit_log l
          where l.organization_id = ${tenant.organizationId} and c.organization_id = l.organization_id and l.seq = 5`,
      )
      await writeEntries(world, tenant, [{}, {}])
      await chainAll(world)
    })
    expect(refilled.body).toMatchObject({ valid: true, entries: 7 })
    expect(kinds(await refilled.verify(refilled.head))).toEqual(['head 6'])
  })

  it('accepts an archived head, also after the log has grown', async () => {
    const { verify, head, tenant } = await verifyAfter(async () => undefined)
    await writeEntries(world, tenant, [{}])
    await chainAll(world)
    expect(await verify(head)).toMatchObject({ valid: true, entries: 7 })
  })

  it('checks a long log in parts, and reports the problems of each part', async () => {
    const { tenant, send } = await givenChain(world, 0)
    await writeMany(world, tenant, { count: 1_000 })
    await chainAll(world)
    await tamper(sql`update audit_log set action = 'test.other' where ${at(tenant, 700)}`)
    const parts = []
    for (let from: number | null = 1; from !== null; from = parts.at(-1)?.next ?? null)
      parts.push((await send('GET /api/audit-log/verify', { query: { from, limit: 300 } })).body)
    expect(parts.map(({ entries, next, valid }) => [entries, next, valid])).toEqual([
      [300, 301, true],
      [300, 601, true],
      [300, 901, false],
      [100, null, true],
    ])
    expect(parts.flatMap(kinds)).toEqual(['changed 700'])
  })

  const givenParts = async (count: number, limit: number) => {
    const { tenant, send } = await givenChain(world, 0)
    await writeMany(world, tenant, { count })
    await chainAll(world)
    const part = async (after?: string) =>
      (await send('GET /api/audit-log/verify', { query: { limit, ...(after === undefined ? {} : { after }) } })).body
    return { tenant, part }
  }

  it('goes on after the last hash of each part, so that the parts prove as much as the whole', async () => {
    const { part } = await givenParts(700, 300)
    const first = await part()
    expect(first).toMatchObject({ complete: false, next: 301, nextAfter: expect.stringMatching(/^300:[0-9a-f]{64}$/) })
    const second = await part(first.nextAfter)
    const third = await part(second.nextAfter)
    expect([first, second, third].map(({ entries, valid }) => [entries, valid])).toEqual([
      [300, true],
      [300, true],
      [100, true],
    ])
    expect(third).toMatchObject({ complete: true, next: null, nextAfter: null })
    expect(await part(`700:${third.head.hash}`)).toMatchObject({ valid: true, entries: 0, complete: true })
  })

  it('finds that the log was rewritten or cut off between two parts', async () => {
    const { tenant, part } = await givenParts(400, 300)
    const { nextAfter } = await part()
    const rewrite = async () => {
      await tamper(sql`update audit_log set seq = null, hash = null where organization_id = ${tenant.organizationId}`)
      await tamper(sql`delete from audit_chains where organization_id = ${tenant.organizationId}`)
      await chainAll(world)
    }
    await tamper(sql`update audit_log set action = 'test.other' where ${at(tenant, 10)}`)
    await rewrite()
    // The rewritten log is consistent in itself, and continuing by number alone does not notice it.
    expect((await part()).valid).toBe(true)
    const continued = await part(nextAfter)
    expect(kinds(continued)).toEqual(['changed 301', 'head 300'])
    await tamper(sql`delete from audit_log where organization_id = ${tenant.organizationId} and seq > 200`)
    await rewrite()
    expect(kinds(await part(nextAfter))).toEqual(['head 300'])
  })

  it('checks no more entries than a request should, and all in the end', async () => {
    const { tenant, send } = await givenChain(world, 0)
    await writeMany(world, tenant, { count: 12_000 })
    await chainAll(world)
    const parts = []
    for (let after: string | undefined; ; after = parts.at(-1)?.nextAfter) {
      const query = after === undefined ? {} : { after }
      parts.push((await send('GET /api/audit-log/verify', { query })).body)
      if (parts.at(-1)?.complete === true) break
    }
    expect(parts.length).toBeGreaterThan(1)
    expect(Math.max(...parts.map(({ entries }) => entries))).toBeLessThanOrEqual(10_000)
    expect(parts.reduce((sum, { entries }) => sum + entries, 0)).toBe(12_000)
    expect(parts.every(({ valid }) => valid)).toBe(true)
  }, 60_000)

  it('reports the first hundred problems', async () => {
    const { tenant, send } = await givenChain(world, 0)
    await writeMany(world, tenant, { count: 150 })
    await chainAll(world)
    await tamper(sql`update audit_log set action = 'test.other' where organization_id = ${tenant.organizationId}`)
    const { body } = await send('GET /api/audit-log/verify')
    expect(body).toMatchObject({ valid: false, entries: 150 })
    expect(body.problems).toHaveLength(100)
  })

  it.each([
    { seq: 1 },
    { hash: 'a'.repeat(64) },
    { seq: 1, hash: 'short' },
    { seq: 0, hash: 'a'.repeat(64) },
    { from: 0 },
    { after: '1' },
    { after: `0:${'a'.repeat(64)}` },
    { limit: 0 },
  ])('refuses %j', async (query) => {
    const { send } = await (await world.tenant()).session()
    expectProblem(verifyAuditLog, await send('GET /api/audit-log/verify', { query }), 'validation-error')
  })
})
