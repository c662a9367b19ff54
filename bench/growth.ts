import { sql } from 'kysely'
import type { Db } from '../packages/server/src/platform/db/database.ts'
import { parseWireId } from '../packages/server/src/platform/ids/id.ts'
import { insertAgent } from '../packages/server/src/testing/factories/run.ts'
import { fillLists, insertRuns } from '../packages/server/src/testing/lists/fill-lists.ts'
import { keyHeaders } from './client.ts'
import { openDatabaseStage, type DatabaseStage } from './database-stage.ts'
import { apply } from './load.ts'
import { alternate, median, milliseconds, quantile, ratioText, type Benchmark, type Row } from './measurement.ts'

/** Runs on the large side, and on the small one. */
const largeRuns = Number(process.env['BENCH_GROWTH_RUNS'] ?? 1_000_000)
const smallRuns = 2_000
const eventsOfEachRun = 5
// A statement ends after 30 seconds.
const runsOfOneStatement = 10_000
const rounds = 5
const requests = 15
const readers = 16

interface Side {
  readonly stage: DatabaseStage
  readonly headers: Readonly<Record<string, string>>
  readonly agentId: string
  /** Path and query of each list. */
  readonly lists: Readonly<Record<string, string>>
}

/** Every kind of page of the lists that grow, on a server with many runs and on one with few. */
export const growth: Benchmark = {
  name: 'growth',
  async measure() {
    const small = await openSide(smallRuns)
    try {
      const large = await openSide(largeRuns)
      try {
        return await compare(large, small)
      } finally {
        await large.stage.close()
      }
    } finally {
      await small.stage.close()
    }
  },
}

async function openSide(runs: number): Promise<Side> {
  const stage = await openDatabaseStage()
  const { db, close } = stage.connect(2)
  try {
    return await fill(stage, db, runs)
  } catch (error) {
    await stage.close()
    throw error
  } finally {
    await close()
  }
}

async function fill(stage: DatabaseStage, db: Db, runs: number): Promise<Side> {
  const { credentials } = stage.server
  const organizationId = parseWireId('org', credentials.orgId) ?? ''
  const applicationId = parseWireId('app', credentials.appId) ?? ''
  const [owner] = (await sql<{ id: string }>`select id from users limit 1`.execute(db)).rows
  const tenant = { organizationId, applicationId, userId: owner?.id ?? '' }
  const agent = await insertAgent({ db }, tenant)
  const idle = await insertAgent({ db }, tenant)
  const logEntries = Math.min(50_000, runs / 20)
  const sizes = { rows: 100, runs: smallRuns, eventsOfEachRun, eventsOfOneRun: logEntries }
  const ids = await fillLists(db, { tenant, agent, ...sizes })
  for (let from = smallRuns + 1; from <= runs; from += runsOfOneStatement) {
    const to = Math.min(runs, from + runsOfOneStatement - 1)
    await insertRuns(db, { tenant, agent, from, to, eventsOfEachRun })
  }
  await sql`vacuum analyze runs, run_events`.execute(db)
  const headers = keyHeaders(stage.server)
  const get = async (path: string) => (await fetch(stage.server.url + path, { headers })).text()
  const cursor = /"nextCursor":"(\w+)"/.exec(await get(`/api/runs?page=${Math.floor(runs / 200)}&pageSize=100`))?.[1]
  return {
    stage,
    headers,
    agentId: credentials.agentId,
    lists: {
      'first page of runs': '/api/runs?pageSize=20',
      'page by cursor in the middle': `/api/runs?pageSize=20&after=${cursor ?? ''}`,
      'last page by number': `/api/runs?pageSize=20&page=${runs / 20}`,
      'an agent': `/api/runs?agentId=${ids.agentId}`,
      'an agent without runs': `/api/runs?agentId=${idle.wireId}`,
      'a status that few have': '/api/runs?status=waiting',
      'an agent with a status that none has': `/api/runs?agentId=${ids.agentId}&status=timeout`,
      'runs of a schedule': `/api/schedules/${ids.scheduleId}/runs`,
      'first page of the longest log': `/api/runs/${ids.runId}/logs`,
      'last page of the longest log': `/api/runs/${ids.runId}/logs?page=${logEntries / 20}`,
    },
  }
}

async function compare(large: Side, small: Side): Promise<Row[]> {
  const rows: Row[] = []
  for (const what of Object.keys(large.lists)) {
    const samples = await alternate(rounds, [() => read(large, what), () => read(small, what)])
    rows.push(
      toRow(`${what}, ${largeRuns.toLocaleString('en')} runs against ${smallRuns.toLocaleString('en')}`, samples),
    )
  }
  const posts = await alternate(rounds, [() => postBesideReaders(large), () => postBesideReaders(small)])
  rows.push(toRow(`\`POST /api/runs\` beside ${readers} readers of the first page`, posts))
  return rows
}

// The fastest quarter: other programs on the machine only ever slow a request down.
async function read({ stage, headers, lists }: Side, what: string): Promise<number> {
  const url = stage.server.url + (lists[what] ?? '')
  const { latenciesMs } = await apply({
    url,
    method: 'GET',
    headers,
    connections: 1,
    durationMs: 20_000,
    requestsMax: requests,
  })
  return quantile(latenciesMs, 0.25)
}

async function postBesideReaders({ stage, headers, agentId, lists }: Side): Promise<number> {
  const { url } = stage.server
  const durationMs = 3_000
  const [posted] = await Promise.all([
    apply({
      url: `${url}/api/runs`,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ agentId }),
      connections: 1,
      durationMs,
      requestsMax: 1_000,
    }),
    apply({
      url: url + (lists['first page of runs'] ?? ''),
      method: 'GET',
      headers,
      connections: readers,
      durationMs,
      requestsMax: 1_000_000,
    }),
  ])
  return quantile(posted.latenciesMs, 0.5)
}

function toRow(what: string, samples: readonly (readonly number[])[]): Row {
  const pairs = samples.map(([large = 0, small = 1]) => ({ large, small }))
  const ratios = pairs.map(({ large, small }) => large / small)
  return {
    what,
    measured: milliseconds(median(pairs.map(({ large }) => large))),
    baseline: milliseconds(median(pairs.map(({ small }) => small))),
    ratio: ratioText(ratios),
    aim: '≤ 200 %',
    met: median(ratios) <= 2,
  }
}
