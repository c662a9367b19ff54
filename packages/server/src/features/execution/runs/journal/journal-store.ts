import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../../platform/db/json-text.ts'
import { newUuid } from '../../../../platform/ids/id.ts'
import { insertRunEvents } from '../../../../platform/outbox/postgres-outbox.ts'
import type { TokenUsage } from '../../../catalog/models/index.ts'
import type { StoredRun } from '../run.ts'
import { replayedEvents, type JournalRow } from './replay-entry.ts'
import type { StoredJournalEntry } from './stored-entry.ts'

/** Changes of the run's row that are written together with its entries. */
export interface RunProgress {
  readonly usage?: TokenUsage
  /** Decimal USD to add. */
  readonly costUsd?: string
  readonly output?: unknown
  readonly report?: string
}

/** The attempt no longer holds the run: it was cancelled, ended or taken over. The attempt must stop at once. */
export class Fenced extends Error {
  override readonly name = 'Fenced'
}

/** Appends entries to a run that the transaction has locked or inserted, so that it is the only writer. */
export async function appendEvents(
  tx: Tx,
  run: Pick<StoredRun, 'id'>,
  events: readonly StoredJournalEntry[],
): Promise<void> {
  const result = await sql`
    with r as (
      update runs set last_seq = last_seq + ${events.length} where id = ${run.id}
      returning ${eventSource(events.length)})
    ${insertOutbox(events)} ${insertEvents(events)}`.execute(tx)
  if (result.numAffectedRows !== BigInt(events.length)) throw new Error(`Run ${run.id} is gone.`)
}

const nothingUsed: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** Appends entries and progress of an attempt in one statement. Throws Fenced if it no longer holds the run. */
export async function appendFenced(
  db: Db,
  run: Pick<StoredRun, 'id' | 'attempt'>,
  step: { events: readonly StoredJournalEntry[]; progress?: RunProgress },
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
    throw new Fenced(`Attempt ${run.attempt} no longer holds run ${run.id}.`)
}

function eventSource(count: number) {
  return sql`id, organization_id, application_id, agent_id, end_user_id, last_seq - ${count}::bigint as base,
    hold_event_positions(application_id)`
}

function insertOutbox(events: readonly StoredJournalEntry[]) {
  const rows = events.flatMap(({ outbox, data }) => (outbox === undefined ? [] : [{ type: outbox, payload: data }]))
  if (rows.length === 0) return sql``
  return sql`
    , o as (${insertRunEvents(sql`r`, rows)})`
}

function insertEvents(events: readonly StoredJournalEntry[]) {
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
    insert into run_events (
      run_id, seq, id, organization_id, application_id, agent_id, end_user_id,
      kind, type, level, event, message, data, journal)
    select r.id, r.base + e.ord, e.id, r.organization_id, r.application_id, r.agent_id, r.end_user_id,
           e.kind, e.type, e.level, e.event, e.message, nullif(e.data, 'null'), nullif(e.journal, 'null')
    from r cross join jsonb_to_recordset(${toJsonText(rows)}::jsonb)
      as e(ord bigint, id uuid, kind text, type text, level text, event text, message text, data jsonb, journal jsonb)`
}

/** A run's entries that a resume needs, in order and as they are stored. */
export async function loadJournal(db: Db, runId: string): Promise<JournalRow[]> {
  return db
    .selectFrom('run_events')
    .select(['event', 'message', 'data', 'journal'])
    .where('run_id', '=', runId)
    .where('event', 'in', replayedEvents)
    .orderBy('seq')
    .execute()
}

/** How much the journal of a run holds. */
export interface JournalSize {
  readonly entries: number
  /** About the bytes of the entries as JSON. */
  readonly entryBytes: number
}

/** The size of a run's journal, and how many of its entries are log lines of the agent. */
export async function measureJournal(db: Db, runId: string): Promise<JournalSize & { readonly logLines: number }> {
  const { rows } = await sql<JournalSize & { readonly logLines: number }>`
    select count(*) as entries, count(*) filter (where event = 'progress') as "logLines",
      coalesce(sum(octet_length(message)), 0)::bigint + coalesce(sum(octet_length(data::text)), 0)::bigint
        + coalesce(sum(octet_length(journal::text)), 0)::bigint as "entryBytes"
    from run_events where run_id = ${runId} and kind = 'run_log'`.execute(db)
  return rows[0] ?? { entries: 0, entryBytes: 0, logLines: 0 }
}
