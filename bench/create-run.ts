import { sql } from 'kysely'
import type { Database } from '../packages/server/src/platform/db/database.ts'
import { newUuid } from '../packages/server/src/platform/ids/id.ts'
import { createAgent, keyHeaders, send } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { apply, rateOf, type LoadResult } from './load.ts'
import {
  alternate,
  median,
  milliseconds,
  perSecond,
  quantile,
  ratioText,
  type Benchmark,
  type Row,
} from './measurement.ts'
import type { Server } from './server.ts'

const runs = 1_500
const rounds = 4
const connections = 16
/** The default size of a server's pool. */
const pooled = 10

/** Creates runs over HTTP, against the same number of plain inserts of one row of the same width. */
export const createRun: Benchmark = {
  name: 'create-run',
  async measure() {
    const stage = await openDatabaseStage()
    const database = stage.connect(pooled)
    try {
      const agentId = await createAgent(stage.server, 'hello')
      const body = JSON.stringify({ agentId, input: { text: 'A plain sentence as input.' } })
      await send(`${stage.server.url}/api/runs`, keyHeaders(stage.server), JSON.parse(body))
      const insert = await plainInserts(database)
      return toRows(await alternate(rounds, [() => postRuns(stage.server, body), insert]))
    } finally {
      await database.close()
      await stage.close()
    }
  },
}

function postRuns(server: Server, body: string): Promise<LoadResult> {
  const headers = { ...keyHeaders(server), 'content-type': 'application/json' }
  return apply({
    url: `${server.url}/api/runs`,
    method: 'POST',
    headers,
    body,
    connections,
    durationMs: 10_000,
    requestsMax: runs,
  })
}

// Inserts the columns and values of a real run into a table that has only a primary key, one commit each.
async function plainInserts({ db, pool }: Database): Promise<() => Promise<LoadResult>> {
  await sql`create table bench_runs (like runs including defaults, primary key (id))`.execute(db)
  const { rows } = await sql<Readonly<Record<string, unknown>>>`select * from runs limit 1`.execute(db)
  const { id: _id, ...row } = rows[0] ?? {}
  const columns = ['id', ...Object.keys(row)]
  const values = columns.map((_, index) => `$${index + 1}`)
  const statement = `insert into bench_runs (${columns.join(', ')}) values (${values.join(', ')})`
  return async () => {
    const latenciesMs: number[] = []
    const startedMs = performance.now()
    let sent = 0
    const insertOn = async () => {
      while (sent < runs) {
        sent += 1
        const sentAtMs = performance.now()
        await pool.query(statement, [newUuid(), ...Object.values(row)])
        latenciesMs.push(performance.now() - sentAtMs)
      }
    }
    await Promise.all(Array.from({ length: connections }, insertOn))
    return { requests: latenciesMs.length, seconds: (performance.now() - startedMs) / 1000, latenciesMs }
  }
}

function toRows(rounds: readonly (readonly LoadResult[])[]): Row[] {
  const ratios = rounds.map(([posts, inserts]) =>
    posts === undefined || inserts === undefined ? 0 : rateOf(posts) / rateOf(inserts),
  )
  const show = (index: number) => {
    const results = rounds.flatMap((round) => round.slice(index, index + 1))
    const p50Ms = median(results.map(({ latenciesMs }) => quantile(latenciesMs, 0.5)))
    return `${perSecond(median(results.map(rateOf)))} (p50 ${milliseconds(p50Ms)})`
  }
  return [
    {
      what: '`POST /api/runs`, 16 at a time, against plain inserts of one row',
      measured: show(0),
      baseline: show(1),
      ratio: ratioText(ratios),
      aim: '≥ 40 %',
      met: median(ratios) >= 0.4,
    },
  ]
}
