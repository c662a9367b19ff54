import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Database } from '../packages/server/src/platform/db/database.ts'
import { parseWireId } from '../packages/server/src/platform/ids/id.ts'
import { createAgent } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { milliseconds, none, perSecond, quantile, type Benchmark, type Row } from './measurement.ts'
import { cpuMicroseconds, nextMessage, startProgram, stopChild } from './processes.ts'

const stored = 100_000
const due = 10_000
const idleMs = 15_000
const aimMs = 1_000

/** 100,000 schedules in one process: none due, a tenth due within a minute, and a tenth due at the same moment. */
export const schedules: Benchmark = {
  name: 'schedules',
  async measure() {
    const stage = await openDatabaseStage()
    const database = stage.connect(2)
    const { host, port, user, database: name } = database.pool.options
    const child = startProgram('fire-schedules.ts', { host, port, user, database: name })
    try {
      await nextMessage(child)
      const few = await idleCpu(child)
      await insertSchedules(database, stage.server.credentials.orgId, await createAgent(stage.server, 'hello'))
      const many = await idleCpu(child)
      const spread = await fire(child, database, { overMs: 60_000 })
      const atOnce = await fire(child, database, { overMs: 0 })
      return [
        idleRow(many, few),
        lateRow('10,000 of them due within a minute', spread, true),
        lateRow('10,000 of them due at the same moment', atOnce, false),
      ]
    } finally {
      await stopChild(child)
      await database.close()
      await stage.close()
    }
  },
}

async function insertSchedules({ db }: Database, orgId: string, agentId: string): Promise<void> {
  const [organizationId, agent] = [parseWireId('org', orgId) ?? '', parseWireId('agent', agentId) ?? '']
  await sql`
    insert into schedules (id, organization_id, application_id, agent_id, cron, timezone, input, missed_fires, overlap,
      next_run_at, due_at)
    select gen_random_uuid(), organization_id, application_id, id, '0 9 * * MON-FRI', 'Europe/Berlin',
      '{"text": "A plain sentence as input."}', 'run-once', 'skip',
      now() + interval '1 day' + n * interval '1 second', now() + interval '1 day' + n * interval '1 second'
    from application_packages, generate_series(1, ${stored}) as n
    where organization_id = ${organizationId} and id = ${agent}`.execute(db)
  await sql`analyze schedules`.execute(db)
}

/** CPU time of the process, in microseconds per second. */
async function idleCpu({ pid }: ChildProcess): Promise<number> {
  await sleep(2_000)
  const before = await cpuMicroseconds(pid ?? 0)
  await sleep(idleMs)
  return ((await cpuMicroseconds(pid ?? 0)) - before) / (idleMs / 1000)
}

interface Fired {
  readonly latenessMs: readonly number[]
  readonly seconds: number
}

const Committed = Type.Record(Type.String(), Type.Number())

async function fire(child: ChildProcess, { db }: Database, { overMs }: { overMs: number }): Promise<Fired> {
  // No worker executes the runs of the previous measurement, and a schedule skips its fires while a run has not ended.
  await sql`update runs set status = 'success', completed_at = now() where status = 'pending'`.execute(db)
  const startMs = Date.now() + 5_000
  await sql`
    update schedules s set next_run_at = d.at, due_at = d.at
    from (
      select id, to_timestamp((${startMs}::float8 + ${overMs}::float8 * (row_number() over ()) / ${due}) / 1000) as at
      from schedules limit ${due}
    ) as d
    where s.id = d.id`.execute(db)
  await sleep(startMs - Date.now() + overMs)
  const since = new Date(startMs)
  for (const deadline = Date.now() + 120_000; (await countRuns(db, since)) < due; await sleep(200)) {
    if (Date.now() > deadline) throw new Error('Not all schedules were fired in time.')
  }
  const answer = nextMessage(child)
  child.send('fires')
  const committed = Value.Parse(Committed, await answer)
  const runs = await db.selectFrom('runs').select(['id', 'scheduled_for']).where('scheduled_for', '>=', since).execute()
  const latenessMs = runs.map(({ id, scheduled_for: at }) => (committed[id] ?? Infinity) - (at?.getTime() ?? 0))
  const lastMs = Math.max(...runs.map(({ id }) => committed[id] ?? Infinity))
  return { latenessMs, seconds: (lastMs - startMs) / 1000 }
}

async function countRuns(db: Database['db'], since: Date): Promise<number> {
  const { total } = await db
    .selectFrom('runs')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('scheduled_for', '>=', since)
    .executeTakeFirstOrThrow()
  return total
}

function idleRow(many: number, few: number): Row {
  const show = (microseconds: number) => `${(microseconds / 1000).toFixed(1)} ms CPU/s`
  return {
    what: '100,000 schedules of which none is due, in one process',
    measured: show(many),
    baseline: `${show(few)} without any`,
    ratio: none,
    aim: 'no growth',
    met: many - few < 5_000,
  }
}

function lateRow(what: string, { latenessMs, seconds }: Fired, hasAim: boolean): Row {
  const p99 = quantile(latenessMs, 0.99)
  const late = `p50 ${milliseconds(quantile(latenessMs, 0.5))}, p99 ${milliseconds(p99)} late`
  return {
    what,
    measured: `${late}; ${perSecond(latenessMs.length / seconds)}`,
    baseline: none,
    ratio: none,
    aim: hasAim ? 'p99 ≤ 1,000 ms' : none,
    met: hasAim ? p99 <= aimMs : undefined,
  }
}
