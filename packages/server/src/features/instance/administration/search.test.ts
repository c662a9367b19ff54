import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statementsSentBy } from '../../../testing/lists/sent-statements.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'

const rows = 100_000

describe('the lists of an administrator, with 100,000 organizations and users', () => {
  let world: World
  let tenant: Tenant
  let send: Send
  beforeAll(async () => {
    world = await openWorld()
    const { db } = world.platform
    tenant = await world.tenant()
    send = (await tenant.administrate()).send
    await sql`
      insert into users (id, name, email, created_at)
      select 'usr_' || n, 'Person ' || n, 'person-' || n || '@example.com', now() - n * interval '1 s'
      from generate_series(1, ${rows}::int) n`.execute(db)
    await sql`
      insert into organizations (id, name, slug)
      select gen_random_uuid(), 'Org ' || n, 'many-' || n from generate_series(1, ${rows}::int) n`.execute(db)
    await sql`
      insert into organization_members (organization_id, user_id, role)
      select id, 'usr_' || substr(slug, 6), 'owner' from organizations where slug like 'many-%'`.execute(db)
    await sql`
      insert into applications (id, organization_id, name)
      select gen_random_uuid(), id, 'Default' from organizations where slug like 'many-%'`.execute(db)
    await sql`
      insert into organization_suspensions (organization_id, reason)
      select id, 'Unpaid.' from organizations where slug like 'many-77%'`.execute(db)
    await sql`
      insert into user_suspensions (user_id, reason)
      select id, 'Spam.' from users where email like 'person-77%'`.execute(db)
    await sql`analyze`.execute(db)
  }, 120_000)
  afterAll(() => world.close())

  it.each([
    ['/api/admin/orgs', {}, 100],
    ['/api/admin/orgs', { q: 'MANY-12345' }, 1],
    ['/api/admin/orgs', { q: 'org 4242' }, 11],
    ['/api/admin/orgs', { q: 'nothing like it' }, 0],
    ['/api/admin/orgs', { suspended: 'true', q: 'many-777' }, 100],
    ['/api/admin/users', {}, 100],
    ['/api/admin/users', { q: 'Person-12345' }, 1],
    ['/api/admin/users', { q: 'person 4242' }, 11],
    ['/api/admin/users', { q: 'nothing like it' }, 0],
    ['/api/admin/users', { suspended: 'true', q: 'person-777' }, 100],
    ['/api/admin/users', { administrator: 'true' }, 1],
  ])('%s with %j reads no table of the instance from end to end', async (path, query, found) => {
    const pages: Record<string, string | number>[] = [{ ...query, pageSize: 100 }]
    for (let page = pages.pop(); page !== undefined; page = pages.pop()) {
      let cursor: string | null = null
      const sent = await statementsSentBy(async () => {
        const { status, body, text } = await send(`GET ${path}`, { query: page ?? {} })
        expect(status, text).toBe(200)
        if (page?.['after'] === undefined) expect(body.data).toHaveLength(found)
        cursor = body.pagination.nextCursor
      })
      if (cursor !== null && page['after'] === undefined) pages.push({ ...page, after: cursor })
      const lists = sent.filter(({ text }) => /^\s*select/i.test(text) && /"(?:organizations|users)" as/.test(text))
      expect(lists.length).toBeGreaterThan(0)
      for (const { text, values } of lists) {
        const plan = await world.platform.db.executeQuery<{ 'QUERY PLAN': string }>(
          CompiledQuery.raw(`explain ${text}`, [...values]),
        )
        const lines = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
        expect(lines, `${text}\n${lines}`).not.toMatch(
          /Seq Scan on (?:users|organizations|organization_members|applications)/,
        )
      }
    }
  })

  it('find a prefix with characters that a pattern would interpret, and a whole id', async () => {
    const { db } = world.platform
    await sql`insert into users (id, name, email) values ('usr_odd', '100% _odd_', 'odd%@example.com')`.execute(db)
    const idsOf = async (path: string, q: string) =>
      (await send(`GET ${path}`, { query: { q } })).body.data.map(({ id }: { id: string }) => id)
    expect(await idsOf('/api/admin/users', '100% _O')).toEqual(['usr_odd'])
    expect(await idsOf('/api/admin/users', '%')).toEqual([])
    expect(await idsOf('/api/admin/users', '_')).toEqual([])
    expect(await idsOf('/api/admin/users', tenant.userId)).toEqual([tenant.userId])
    expect(await idsOf('/api/admin/orgs', tenant.orgId)).toEqual([tenant.orgId])
  })
})
