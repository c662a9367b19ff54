import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertAgent, insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { statementsSentBy } from '../../../testing/lists/sent-statements.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { pageBytesMax } from '../../../platform/lists/postgres-contents.ts'
import { runsFeature } from './index.ts'

const entryBytes = 1_000_000
const entries = 12
type Item = Record<string, unknown>

describe('lists of runs and entries with large contents', () => {
  let world: World
  let tenant: Tenant
  let run: InsertedRun
  beforeAll(async () => {
    world = await openWorld({ features: [runsFeature] })
    tenant = await world.tenant()
    const agent = await insertAgent(world.platform, tenant)
    run = await insertRun(world.platform, tenant, { agent, status: 'success' })
    for (let n = 1; n < entries; n += 1) await insertRun(world.platform, tenant, { agent, status: 'success' })
    // Compressible, as a model's answer is: its stored size says little about the size of the reply.
    await sql`
      update runs set input = jsonb_build_object('s', repeat('x', ${entryBytes}::int)), report = 'Report'
      where application_id = ${tenant.applicationId}`.execute(world.platform.db)
    await sql`
      insert into run_events (
        run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, message, data)
      select ${run.id}, n, gen_random_uuid(), ${run.organizationId}, ${run.applicationId}, ${agent.id},
        'run_log', 'progress', 'debug', 'model_answer', 'Message ' || n, to_jsonb(repeat('y', ${entryBytes}::int))
      from generate_series(1, ${entries}::int) n`.execute(world.platform.db)
  })
  afterAll(() => world.close())

  /** Follows the cursors from a first page; returns each page's items. */
  const follow = async (route: string, query: Record<string, string | number>): Promise<Item[][]> => {
    const pages: Item[][] = []
    for (let after: string | null | undefined; after !== null; ) {
      const answer = await tenant.send(route, { query: { ...query, ...(after === undefined ? {} : { after }) } })
      expect(answer.status, answer.text).toBe(200)
      expect(answer.text.length).toBeLessThan(pageBytesMax * 1.1)
      pages.push(answer.body.data)
      after = answer.body.pagination.nextCursor
    }
    return pages
  }

  it('a log is read in pages of at most 4 MiB, and its cursors lead through all of it', async () => {
    const pages = await follow(`GET /api/runs/${run.wireId}/logs`, { pageSize: 100 })
    expect(pages.map((page) => page.length)).toEqual([4, 4, 4])
    expect(pages.flat().map(({ seq }) => seq)).toEqual(Array.from({ length: entries }, (_value, n) => n + 1))
    expect(pages.flat().every(({ data }) => String(data).length === entryBytes)).toBe(true)
  })

  it('a numbered page of a log has all its entries, the last ones without contents', async () => {
    const pageOf = (page: number) => tenant.send(`GET /api/runs/${run.wireId}/logs`, { query: { page, pageSize: 6 } })
    const [first, second] = [(await pageOf(1)).body, (await pageOf(2)).body]
    const all: Item[] = [...first.data, ...second.data]
    expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: entries }, (_value, n) => n + 1))
    expect(first.pagination).toMatchObject({ total: entries, totalPages: 2, nextCursor: '6' })
    expect(first.data.map(({ contentOmitted }: Item) => contentOmitted ?? false)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ])
    expect(first.data[5]).toMatchObject({ message: null, data: null, event: 'model_answer' })
  })

  it('an entry that is larger than a page is shown alone', async () => {
    const setData = (letter: string, bytes: number) =>
      sql`
      update run_events set data = to_jsonb(repeat(${letter}, ${bytes}::int))
      where run_id = ${run.id} and seq = 2`.execute(world.platform.db)
    await setData('z', pageBytesMax)
    const query = { pageSize: 3, after: 1 }
    const { body } = await tenant.send(`GET /api/runs/${run.wireId}/logs`, { query })
    expect([body.data.length, body.data[0].data.length, body.pagination.nextCursor]).toEqual([1, pageBytesMax, '2'])
    await setData('y', entryBytes)
  })

  it('a list of runs names no content, unless it is included', async () => {
    const sent = await statementsSentBy(async () => {
      const { body } = await tenant.send('GET /api/runs')
      expect(body.data).toHaveLength(entries)
      expect(Object.keys(body.data[0])).not.toContain('input')
    })
    const named = sent.filter(({ text }) => /\b(input|config|metadata|output|report)\b/.test(text))
    expect(named).toEqual([])
  })

  it('?include= adds the named fields, within 4 MiB a page', async () => {
    const pages = await follow('GET /api/runs', { pageSize: 100, include: 'report,input' })
    expect(pages.map((page) => page.length)).toEqual([4, 4, 4])
    const [item] = pages.flat()
    expect(item).toMatchObject({ report: 'Report', input: { s: expect.stringMatching(/^x+$/) } })
    expect(Object.keys(item ?? {})).not.toContain('config')
    const numbered = (await tenant.send('GET /api/runs', { query: { page: 1, pageSize: 6, include: 'input' } })).body
    expect(numbered.data.map((each: Item) => 'input' in each)).toEqual([true, true, true, true, false, false])
    for (const include of ['secret', 'input,', 'input,secret', ''])
      expect((await tenant.send('GET /api/runs', { query: { include } })).status).toBe(422)
  })
})
