import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertAgent, insertRun } from '../testing/factories/run.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { fillLists, type PathIds } from '../testing/lists/fill-lists.ts'
import { statementsSentBy } from '../testing/lists/sent-statements.ts'
import type { Answer, Send } from '../testing/request.ts'
import { openWorld, type World } from '../testing/world.ts'
import { features } from './index.ts'

const lists = features
  .flatMap(({ endpoints }) => Object.entries(endpoints))
  .filter(([, { query }]) => query !== undefined && 'pageSize' in query)

/** Columns that can be large. A list that shows them names them in another statement, for as many rows as fit. */
const bulkyColumns = /\b(input|config|metadata|output|report|manifest|prompt|payload|request|response|journal|data)\b/
/** Lists that show a field of such a name, with the reason why it is small. */
const showsSmall: Readonly<Record<string, string>> = {
  listEndUsers: 'metadata has at most 50 short values',
  listRunLogs: 'the entries whose contents fit into a page',
}

/** Lists that count what each of their items has, with the reason why it costs little. */
const countsOfItems: Readonly<Record<string, string>> = {
  listInstanceOrgs: 'the members and applications of the organizations on the page',
  listInstanceUsers: 'the organizations of the users on the page',
}

describe('every list', () => {
  let world: World
  let tenant: Tenant
  let ids: PathIds
  let send: Send
  beforeAll(async () => {
    world = await openWorld()
    tenant = await world.tenant()
    const agent = await insertAgent(world.platform, tenant)
    const sizes = { rows: 7, runs: 14, eventsOfEachRun: 2, eventsOfOneRun: 6 }
    ids = await fillLists(world.platform.db, { tenant, agent, ...sizes })
    send = (await tenant.session()).send
  }, 60_000)
  afterAll(() => world.close())

  const routeOf = (route: string) =>
    Object.entries(ids).reduce((path, [name, id]) => path.replace(`:${name}`, id), route)
  const get = async (route: string, query: Record<string, string | number>): Promise<Answer['body']> => {
    const answer = await send(routeOf(route), { query })
    expect(answer.status, `${routeOf(route)}: ${answer.text}`).toBe(200)
    return answer.body
  }
  // The request's own session is in its list.
  const textsOf = (data: readonly unknown[]) => data.map((item) => JSON.stringify(item))
  const byCursor = async (route: string, pageSize: number) => {
    const found: string[] = []
    let query: Record<string, string | number> = { pageSize }
    for (;;) {
      const { data, pagination } = await get(route, query)
      found.push(...textsOf(data))
      if (pagination.nextCursor === null) return found
      query = { pageSize, after: pagination.nextCursor }
    }
  }

  it('is among those that this test knows', () => {
    expect(lists.length).toBeGreaterThanOrEqual(22)
  })

  it.each(lists)('%s shows the same items by cursor and by number, all of them once', async (_id, { route, query }) => {
    expect(Object.keys(query ?? {})).toContain('after')
    const { data: whole, pagination } = await get(route, { pageSize: 100 })
    expect(whole.length).toBeGreaterThanOrEqual(6)
    expect(pagination).toEqual({ page: 1, pageSize: 100, total: whole.length, totalPages: 1, nextCursor: null })
    const expected = textsOf(whole)
    expect(new Set(expected).size).toBe(expected.length)
    expect(await byCursor(route, 1)).toEqual(expected)
    expect(await byCursor(route, 4)).toEqual(expected)
    const byNumber: string[] = []
    for (let page = 1; page <= Math.ceil(expected.length / 4); page += 1) {
      const answer = await get(route, { page, pageSize: 4 })
      expect(answer.pagination).toMatchObject({
        page,
        total: expected.length,
        nextCursor: expect.toSatisfy((cursor: unknown) => (cursor === null) === page * 4 >= expected.length),
      })
      byNumber.push(...textsOf(answer.data))
    }
    expect(byNumber).toEqual(expected)
    const beyond = await get(route, { page: 1_000, pageSize: 4 })
    expect([beyond.data, beyond.pagination.total, beyond.pagination.nextCursor]).toEqual([[], expected.length, null])
  })

  it.each(lists)('%s counts nothing by cursor, and reads no large column', async (id, { route }) => {
    const { pagination } = await get(route, { pageSize: 2 })
    const sent = await statementsSentBy(async () => {
      const page = await get(route, { pageSize: 2, after: pagination.nextCursor })
      expect(page.pagination).toEqual({ page: 1, pageSize: 2, nextCursor: expect.any(String) })
      expect(page.data).toHaveLength(2)
    })
    const statements = sent.map(({ text }) => text)
    expect(statements.length).toBeGreaterThan(0)
    expect(statements.filter((text) => /\bcount\(|explain/i.test(text) && !(id in countsOfItems))).toEqual([])
    expect(statements.filter((text) => bulkyColumns.test(text) && !(id in showsSmall))).toEqual([])
  })

  it.each(lists)('%s refuses a cursor that it did not give out', async (_id, { route }) => {
    for (const after of ['x', '-1', "'", 'toy_01jq5x3v7kf8hb2m9w4tcd6e1n', '9'.repeat(200), '9'.repeat(201)]) {
      const answer = await send(routeOf(route), { query: { after } })
      expect([answer.status, answer.body.errors?.[0]?.pointer], answer.text).toEqual([422, 'query/after'])
    }
  })

  it('shows no run twice and misses none when runs are created between two pages', async () => {
    const agent = await insertAgent(world.platform, tenant)
    const before = (await get('GET /api/runs', { pageSize: 100 })).data.map(({ id }: { id: string }) => id)
    const seen: string[] = []
    let query: Record<string, string | number> = { pageSize: 3 }
    for (let more = true; more; ) {
      const { data, pagination } = await get('GET /api/runs', query)
      seen.push(...data.map(({ id }: { id: string }) => id))
      query = { pageSize: 3, after: pagination.nextCursor }
      more = pagination.nextCursor !== null
      await insertRun(world.platform, tenant, { agent })
    }
    expect(seen).toEqual(before)
  })
})
