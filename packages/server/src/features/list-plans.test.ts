import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exactTotalMax } from '../platform/lists/load-page.ts'
import { insertAgent, type InsertedAgent } from '../testing/factories/run.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { fillLists, type PathIds } from '../testing/lists/fill-lists.ts'
import { statementsSentBy, type SentStatement } from '../testing/lists/sent-statements.ts'
import type { Send } from '../testing/request.ts'
import { openWorld, type World } from '../testing/world.ts'

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

const runs = 100_000
const stepsOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(stepsOf)]

describe('with 100,000 runs, and 50,000 entries in one log', () => {
  let world: World
  let tenant: Tenant
  let ids: PathIds
  let idle: InsertedAgent
  let send: Send
  beforeAll(async () => {
    world = await openWorld()
    tenant = await world.tenant()
    const agent = await insertAgent(world.platform, tenant)
    idle = await insertAgent(world.platform, tenant)
    const sizes = { rows: 50, runs, eventsOfEachRun: 1, eventsOfOneRun: 50_000 }
    ids = await fillLists(world.platform.db, { tenant, agent, ...sizes })
    await sql`vacuum analyze runs, run_events`.execute(world.platform.db)
    send = (await tenant.session()).send
  }, 120_000)
  afterAll(() => world.close())

  /** The rows that a statement reads from each table, and the kinds of its steps. */
  async function explain({ text, values }: SentStatement) {
    const asTenant = world.platform.database.dbOf(tenant.organizationId)
    const { rows } = await asTenant.executeQuery<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      CompiledQuery.raw(`explain (analyze, format json) ${text}`, [...values]),
    )
    const steps = stepsOf(
      rows[0]?.['QUERY PLAN'][0].Plan ?? { 'Node Type': 'none', 'Actual Rows': 0, 'Actual Loops': 0 },
    )
    const read = steps
      .filter((step) => ['runs', 'run_events'].includes(step['Relation Name'] ?? ''))
      .map((step) => ({
        step: step['Node Type'],
        rows: (step['Actual Rows'] + (step['Rows Removed by Filter'] ?? 0)) * step['Actual Loops'],
      }))
    return { kinds: steps.map((step) => step['Node Type']), read }
  }

  const statementsOf = (route: string) =>
    statementsSentBy(async () => {
      const answer = await send(Object.entries(ids).reduce((path, [name, id]) => path.replace(`:${name}`, id), route))
      expect(answer.status, answer.text).toBe(200)
    }).then((sent) => sent.filter(({ text }) => /^\s*(select|with)/i.test(text) && /\b(runs|run_events)\b/.test(text)))

  const filters = {
    'without a filter': 'GET /api/runs?',
    'of an agent': 'GET /api/runs?agentId=:agentId',
    'of an agent without runs': 'GET /api/runs?agentId=:idleId',
    'of an agent with a status that few have': 'GET /api/runs?agentId=:agentId&status=waiting',
    'of an agent with a status that none has': 'GET /api/runs?agentId=:agentId&status=timeout',
    'of a status': 'GET /api/runs?status=failed',
    'of a status that none has': 'GET /api/runs?status=cancelled',
    'of an end-user': 'GET /api/runs?endUser',
    'of an end-user with a status that none has': 'GET /api/runs?endUser&status=timeout',
    'of an end-user and an agent without runs': 'GET /api/runs?endUser&agentId=:idleId',
    'of a schedule': 'GET /api/schedules/:scheduleId/runs?',
    'of a log': 'GET /api/runs/:runId/logs?',
  }

  it.each(Object.entries(filters))(
    'the list %s reads and sorts no more rows than a page has',
    async (_name, filter) => {
      const route = filter.replace(':idleId', idle.wireId).replace('endUser', '')
      const ofEndUser = filter.includes('endUser')
      const call = ofEndUser ? tenant.sendAs(ids.endUserId) : send
      const fetchPage = (query: Record<string, string | number>) =>
        call(
          Object.entries(ids).reduce((path, [key, id]) => path.replace(`:${key}`, id), route),
          { query },
        )
      const first = await fetchPage({ pageSize: 20 })
      const { nextCursor } = first.body.pagination
      const pages = [{ pageSize: 20 }, ...(nextCursor === null ? [] : [{ pageSize: 20, after: nextCursor }])]
      for (const query of pages) {
        const sent = await statementsSentBy(async () => {
          expect((await fetchPage(query)).status).toBe(200)
        })
        const about = sent.filter(({ text }) => /^\s*(select|with)/i.test(text) && /\b(runs|run_events)\b/.test(text))
        expect(about.length).toBeGreaterThan(0)
        for (const statement of about) {
          const { kinds, read } = await explain(statement)
          const isCount = statement.text.includes('count(')
          const context = `${JSON.stringify(read)} ${kinds.join(' < ')} ${statement.text}`
          expect(kinds, context).not.toContain('Seq Scan')
          const most = isCount ? exactTotalMax + 1 : 100
          expect(Math.max(0, ...read.map(({ rows }) => rows)), context).toBeLessThanOrEqual(most)
        }
      }
    },
  )

  it('a deep page reads the contents of its own rows only', async () => {
    const sent = await statementsOf('GET /api/runs?page=4900&pageSize=20')
    const plans = await Promise.all(sent.filter(({ text }) => text.includes('offset')).map(explain))
    expect(plans).toHaveLength(1)
    const read = plans.flatMap((plan) => plan.read).sort((a, b) => a.rows - b.rows)
    expect(read.map(({ step }) => step)).toEqual(['Index Scan', 'Index Only Scan'])
    expect(read[0]?.rows).toBeLessThanOrEqual(21)
  })

  it('totals are exact up to 10,000 items and estimates above; every page can be reached', async () => {
    const get = async (path: string) => (await send(`GET ${path}`)).body
    const { pagination } = await get('/api/runs?pageSize=100')
    expect(pagination.totalIsEstimate).toBe(true)
    expect(pagination.total).toBeGreaterThan(runs / 2)
    expect(pagination.total).toBeLessThan(runs * 2)
    expect(pagination.totalPages).toBe(Math.ceil(pagination.total / 100))
    const last = await get('/api/runs?pageSize=100&page=1000')
    expect(last.data).toHaveLength(100)
    expect(last.pagination).toEqual({ page: 1000, pageSize: 100, total: runs, totalPages: 1000, nextCursor: null })
    const beyond = await get('/api/runs?pageSize=100&page=1001')
    expect([beyond.data, beyond.pagination.total]).toEqual([[], runs])
    const waiting = await get('/api/runs?status=waiting')
    expect([waiting.pagination.total, waiting.pagination.totalIsEstimate]).toEqual([100, undefined])
  })
})
