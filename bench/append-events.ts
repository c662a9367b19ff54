import { sql } from 'kysely'
import { plainSeal } from '../packages/server/src/features/accounts/end-users/index.ts'
import { appendFenced, modelAnswer, sealEntries } from '../packages/server/src/features/execution/runs/index.ts'
import type { Database } from '../packages/server/src/platform/db/database.ts'
import { newUuid, newWireId } from '../packages/server/src/platform/ids/id.ts'
import { createAgent, keyHeaders, send } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { alternate, median, perSecond, ratioText, type Benchmark } from './measurement.ts'

const events = 400
const rounds = 4
const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 0, cacheWriteTokens: 0 }
const answer = {
  text: 'An answer of a sentence or two, as a model gives it.',
  toolCalls: [{ id: 'call_1', name: 'output', argumentsText: '{"message":"hello"}' }],
  finishReason: 'tool-calls',
  usage,
} as const
const call = {
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 900,
  firstTokenMs: 300,
  modelId: newWireId('model'),
  contextTokens: 100,
}

/** Appends to a run's journal on one connection, fenced and with usage, against plain inserts of an event. */
export const appendEvents: Benchmark = {
  name: 'append-events',
  async measure() {
    const stage = await openDatabaseStage()
    const database = stage.connect(1)
    try {
      const agentId = await createAgent(stage.server, 'hello')
      await send(`${stage.server.url}/api/runs`, keyHeaders(stage.server), { agentId })
      const run = await startRun(database)
      await sql`
        create table bench_events
          (like run_events including defaults including identity, primary key (run_id, seq))`.execute(database.db)
      const samples = await alternate(rounds, [
        () => rateOf(() => append(database, run)),
        () => rateOf(plainInsert(database, run)),
      ])
      const ratios = samples.map(([appended = 0, inserted = 1]) => appended / inserted)
      const rate = (index: number) => perSecond(median(samples.map((sample) => sample[index] ?? 0)))
      const what = 'journal entries, fenced, one after the other on one connection, against plain inserts of one row'
      return [{ what, measured: rate(0), baseline: rate(1), ratio: ratioText(ratios), aim: '—', met: undefined }]
    } finally {
      await database.close()
      await stage.close()
    }
  },
}

interface StartedRun {
  readonly id: string
  readonly attempt: number
  readonly organizationId: string
  readonly applicationId: string
  readonly agentId: string
}

async function startRun({ db }: Database): Promise<StartedRun> {
  const { rows } = await sql<StartedRun>`update runs set status = 'running', attempt = 1 returning id, attempt,
    organization_id as "organizationId", application_id as "applicationId", agent_id as "agentId"`.execute(db)
  const [run] = rows
  if (run === undefined) throw new Error('There is no run.')
  return run
}

async function rateOf(once: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  for (let count = 0; count < events; count += 1) await once()
  return (events * 1000) / (performance.now() - startedMs)
}

function append({ db }: Database, run: StartedRun): Promise<void> {
  const entry = modelAnswer(answer, { step: 1, cost: '0.0001', call })
  return appendFenced(db, run, { events: sealEntries(plainSeal, [entry]), progress: { usage, costUsd: '0.0001' } })
}

function plainInsert({ pool }: Database, run: StartedRun): () => Promise<unknown> {
  const columns = 'run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, message, data'
  const statement = `insert into bench_events (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
  const { kind, type, level, event, message, data } = modelAnswer(answer, { step: 1, cost: '0.0001', call })
  const content = [kind, type, level, event, message, JSON.stringify(data)]
  return () =>
    pool.query(statement, [
      run.id,
      nextSeq(),
      newUuid(),
      run.organizationId,
      run.applicationId,
      run.agentId,
      ...content,
    ])
}

let seq = 0

function nextSeq(): number {
  seq += 1
  return seq
}
