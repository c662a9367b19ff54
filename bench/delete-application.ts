import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { hashKey } from '../packages/server/src/features/accounts/api-keys/index.ts'
import type { Db } from '../packages/server/src/platform/db/database.ts'
import { newUuid, toWireId } from '../packages/server/src/platform/ids/id.ts'
import { createAgent, keyHeaders, send } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { milliseconds, none, quantile, type Benchmark } from './measurement.ts'
import type { Server } from './server.ts'

const runs = 100_000
const eventsPerRun = 5
const quietMs = 5_000
const removedWithinMs = 600_000

/** Deletes an application with 100,000 runs and 500,000 events while another one is read; once in one statement. */
export const deleteApplication: Benchmark = {
  name: 'delete-application',
  async measure() {
    const stage = await openDatabaseStage({ ROLE: 'all' })
    const database = stage.connect(2)
    try {
      const { db } = database
      const { server } = stage
      await send(`${server.url}/api/runs`, keyHeaders(server), { agentId: await createAgent(server, 'hello') })
      const [marked, cascaded] = [await fill(db), await fill(db)]
      const quiet = await readWhile(server, () => sleep(quietMs))
      const inBatches = await readWhile(server, () => remove(db, server, marked))
      const atOnce = await readWhile(server, () => cascade(db, cascaded))
      const [measured, baseline] = [inBatches.result, atOnce.result]
      const latencies = ({ readsMs }: { readonly readsMs: readonly number[] }) =>
        `p50 ${milliseconds(quantile(readsMs, 0.5))}, p99 ${milliseconds(quantile(readsMs, 0.99))}`
      const row = { ratio: none, aim: none, met: undefined }
      return [
        {
          ...row,
          what: '`DELETE` of an application with 100,000 runs and 500,000 events, against one cascading statement',
          measured: milliseconds(measured.answerMs),
          baseline: milliseconds(baseline),
        },
        {
          ...row,
          what: 'the removal of its rows in batches, the longest transaction against the whole',
          measured: `${milliseconds(measured.longestMs)} of ${(measured.removedMs / 1_000).toFixed(0)} s`,
          baseline: milliseconds(baseline),
        },
        {
          ...row,
          what: '`GET /api/runs` of another application meanwhile, against the same without a deletion',
          measured: latencies(inBatches),
          baseline: latencies(quiet),
        },
        { ...row, what: 'the same beside the one statement', measured: latencies(atOnce), baseline: latencies(quiet) },
      ]
    } finally {
      await database.close()
      await stage.close()
    }
  },
}

interface Filled {
  readonly applicationId: string
  readonly apiKey: string
}

function fill(db: Db): Promise<Filled> {
  return db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = 0`.execute(tx)
    return fillApplication(tx)
  })
}

/** A further application of the organization with the agent of the only run, and copies of this run. */
async function fillApplication(db: Db): Promise<Filled> {
  const [applicationId, agentId] = [newUuid(), newUuid()]
  const apiKey = `ask_${randomBytes(24).toString('hex')}`
  await sql`
    insert into applications (id, organization_id, name)
    select ${applicationId}, organization_id, 'Large' from applications where is_default`.execute(db)
  await sql`
    insert into api_keys (id, organization_id, application_id, name, key_hash, key_prefix, scopes, created_by)
    select ${newUuid()}, organization_id, ${applicationId}, 'Deletes', ${hashKey(apiKey)}, 'ask_',
      array['applications:delete'], user_id
    from organization_members where role = 'owner'`.execute(db)
  await sql`
    insert into application_packages (id, organization_id, application_id, package_id, version_id)
    select ${agentId}, organization_id, ${applicationId}, package_id, package_version_id
    from runs order by id limit 1`.execute(db)
  await sql`
    with copies as (
      insert into runs (
        id, organization_id, application_id, agent_id, agent_name, package_id, package_version_id, version, status,
        model, timeout_ms, completed_at)
      select gen_random_uuid(), organization_id, ${applicationId}, ${agentId}, agent_name, package_id,
        package_version_id, version, 'success', model, timeout_ms, now()
      from (select * from runs order by id limit 1) as first cross join generate_series(1, ${runs})
      returning id, organization_id, application_id, agent_id)
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, data)
    select id, seq, gen_random_uuid(), organization_id, application_id, agent_id, 'run_log', 'log', 'info', 'log',
      jsonb_build_object('text', repeat('x', 200))
    from copies cross join generate_series(1, ${eventsPerRun}) as seq`.execute(db)
  await sql`analyze runs, run_events`.execute(db)
  return { applicationId, apiKey }
}

async function remove(db: Db, { url }: Server, { applicationId, apiKey }: Filled) {
  const startedMs = performance.now()
  const path = `/api/applications/${toWireId('app', applicationId)}`
  const { status } = await fetch(`${url}${path}`, { method: 'DELETE', headers: { authorization: `Bearer ${apiKey}` } })
  if (status !== 204) throw new Error(`DELETE ${path} answered ${status}.`)
  const answerMs = performance.now() - startedMs
  let longestMs = 0
  while (await exists(db, applicationId)) {
    if (performance.now() - startedMs > removedWithinMs) throw new Error('The application was not removed in time.')
    longestMs = Math.max(longestMs, await longestTransactionMs(db))
    await sleep(20)
  }
  return { answerMs, longestMs, removedMs: performance.now() - startedMs }
}

/** What a deletion was before: one statement. */
async function cascade(db: Db, { applicationId }: Filled): Promise<number> {
  const startedMs = performance.now()
  await db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = 0`.execute(tx)
    await sql`delete from applications where id = ${applicationId}`.execute(tx)
  })
  return performance.now() - startedMs
}

/** Reads a page of runs of the first application, one request after the other, until the work is done. */
async function readWhile<T>(server: Server, work: () => Promise<T>): Promise<{ result: T; readsMs: number[] }> {
  const readsMs: number[] = []
  let isDone = false
  const reading = (async () => {
    while (!isDone) {
      const startedMs = performance.now()
      await send(`${server.url}/api/runs?pageSize=20`, keyHeaders(server))
      readsMs.push(performance.now() - startedMs)
      await sleep(5)
    }
  })()
  try {
    return { result: await work(), readsMs }
  } finally {
    isDone = true
    await reading
  }
}

async function exists(db: Db, applicationId: string): Promise<boolean> {
  const { rows } = await sql`select from applications where id = ${applicationId}`.execute(db)
  return rows.length > 0
}

/** How long the oldest open transaction of the server that has written something is open. */
async function longestTransactionMs(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select max(extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as ms from pg_stat_activity
    where datname = current_database() and backend_xid is not null`.execute(db)
  return rows[0]?.ms ?? 0
}
