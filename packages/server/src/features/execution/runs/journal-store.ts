import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { RunStatus, StoredRun, TokenUsage } from './run.ts'
import { toStoredSummary } from './run-wire.ts'

/** An event on its way into the journal, where it is kept as it is: content of an end-user's run is sealed before (`sealEvents`). */
export interface NewEvent {
  readonly kind: 'run_update' | 'run_log'
  readonly type: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly message?: string
  readonly data?: unknown
  /** What a resume needs and no reader is sent. */
  readonly journal?: unknown
  /** The type under which it goes into the outbox too, with its data. */
  readonly outbox?: OutboxType
}

/** What others are told of a run. */
export type OutboxType =
  | 'run.started'
  | 'run.waiting'
  | 'run.completed'
  | 'run.failed'
  | 'run.timeout'
  | 'run.cancelled'

/** What is written on the run's row together with its events. */
export interface RunProgress {
  readonly usage?: TokenUsage
  /** Decimal USD to add. */
  readonly costUsd?: string
  readonly output?: unknown
  readonly report?: string
}

/** The run is not this attempt's any more: it was cancelled, ended or taken over. The holder stops at once. */
export class Fenced extends Error {
  override readonly name = 'Fenced'
}

/** The event that reports a run's state. */
export function runUpdate(run: StoredRun, event: string): NewEvent {
  const outbox = outboxTypes[run.status]
  return {
    kind: 'run_update',
    type: 'system',
    level: 'info',
    event,
    data: toStoredSummary(run),
    ...(outbox === undefined ? {} : { outbox }),
  }
}

const outboxTypes: Readonly<Record<RunStatus, OutboxType | undefined>> = {
  pending: undefined,
  running: 'run.started',
  waiting: 'run.waiting',
  success: 'run.completed',
  failed: 'run.failed',
  timeout: 'run.timeout',
  cancelled: 'run.cancelled',
}

/** Appends events of a run that nobody else writes to, because the transaction holds its row's lock or has just inserted it. */
export async function appendEvents(tx: Tx, run: Pick<StoredRun, 'id'>, events: readonly NewEvent[]): Promise<void> {
  const result = await sql`
    with r as (update runs set last_seq = last_seq + ${events.length} where id = ${run.id} returning ${eventSource(events.length)})
    ${insertOutbox(events)} ${insertEvents(events)}`.execute(tx)
  if (result.numAffectedRows !== BigInt(events.length)) throw new Error(`Run ${run.id} is gone.`)
}

const nothingUsed: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** Appends events and progress of the attempt that holds the run, in one statement. Throws Fenced when it holds it no longer. */
export async function appendFenced(
  db: Db,
  run: Pick<StoredRun, 'id' | 'attempt'>,
  step: { events: readonly NewEvent[]; progress?: RunProgress },
): Promise<void> {
  const { events, progress = {} } = step
  const { usage = nothingUsed, costUsd = '0' } = progress
  const report = progress.report === undefined ? null : toColumnText(progress.report)
  const output = progress.output === undefined ? null : toJsonText(progress.output)
  const result = await sql`
    with r as (
      update runs set
        last_seq = last_seq + ${events.length},
        input_tokens = input_tokens + ${usage.inputTokens},
        output_tokens = output_tokens + ${usage.outputTokens},
        cache_read_tokens = cache_read_tokens + ${usage.cacheReadTokens},
        cache_write_tokens = cache_write_tokens + ${usage.cacheWriteTokens},
        cost_usd = cost_usd + ${costUsd}::numeric,
        output = coalesce(${output}::jsonb, output),
        report = coalesce(report || E'\\n\\n' || ${report}::text, ${report}::text, report)
      where id = ${run.id} and attempt = ${run.attempt} and status = 'running'
      returning ${eventSource(events.length)})
    ${insertEvents(events)}`.execute(db)
  if (result.numAffectedRows !== BigInt(events.length))
    throw new Fenced(`Attempt ${run.attempt} of run ${run.id} holds it no longer.`)
}

function eventSource(count: number) {
  return sql`id, organization_id, application_id, agent_id, end_user_id, last_seq - ${count}::bigint as base`
}

function insertOutbox(events: readonly NewEvent[]) {
  const rows = events.flatMap(({ outbox, data }) => (outbox === undefined ? [] : [{ type: outbox, payload: data }]))
  if (rows.length === 0) return sql``
  return sql`
    , o as (
      insert into outbox (organization_id, application_id, run_id, agent_id, end_user_id, type, payload)
      select r.organization_id, r.application_id, r.id, r.agent_id, r.end_user_id, e.type, e.payload
      from r cross join jsonb_to_recordset(${toJsonText(rows)}::jsonb) as e(type text, payload jsonb))`
}

function insertEvents(events: readonly NewEvent[]) {
  const rows = events.map((event, index) => ({
    ord: index + 1,
    id: newUuid(),
    kind: event.kind,
    type: event.type,
    level: event.level,
    event: event.event,
    message: event.message ?? null,
    data: event.data ?? null,
    journal: event.journal ?? null,
  }))
  return sql`
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, end_user_id, kind, type, level, event, message, data, journal)
    select r.id, r.base + e.ord, e.id, r.organization_id, r.application_id, r.agent_id, r.end_user_id,
           e.kind, e.type, e.level, e.event, e.message, nullif(e.data, 'null'), nullif(e.journal, 'null')
    from r cross join jsonb_to_recordset(${toJsonText(rows)}::jsonb)
      as e(ord bigint, id uuid, kind text, type text, level text, event text, message text, data jsonb, journal jsonb)`
}

/** The events from which a run is resumed; their `data` is what was shown, `journal` what only the resume needs. */
const journalEvents = ['model_answer', 'tool_started', 'tool_finished', 'reminder'] as const

export interface JournalEntry {
  readonly event: string
  readonly message: string | null
  readonly data: unknown
  readonly journal: unknown
}

/** A run's journal in order, as it is stored. */
export async function readJournal(db: Db, runId: string): Promise<JournalEntry[]> {
  return db
    .selectFrom('run_events')
    .select(['event', 'message', 'data', 'journal'])
    .where('run_id', '=', runId)
    .where('event', 'in', [...journalEvents])
    .orderBy('seq')
    .execute()
}
