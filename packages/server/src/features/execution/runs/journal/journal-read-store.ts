import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'
import type { OrgScope } from '../../../../platform/access/caller.ts'
import { terminalStatuses } from '../run.ts'

/** Limits of one read. The readers of a page share it; it is held in memory. */
const pageEventsMax = 500
const pageBytesMax = 1_048_576

/**
 * A place in a journal, after which reading continues. Across runs it is (transaction, position) of an event;
 * within one run `transaction` is 0 and `position` is the event's seq.
 */
export interface Position {
  readonly transaction: number
  readonly position: number
}

/** An event as it is stored. `data` is the text of its JSON, because it is passed on as it is unless it is sealed. */
export interface EventRow {
  readonly run_id: string
  readonly seq: number
  readonly id: string
  readonly end_user_id: string | null
  /** The number of its transaction, as text. */
  readonly xid: string
  readonly position: number
  readonly kind: 'run_update' | 'run_log'
  readonly type: string
  readonly level: string
  readonly event: string
  readonly message: string | null
  readonly data: string | null
  /** Of a run_update; null for a run_log. */
  readonly status: string | null
  readonly created_at: Date
}

type JournalScope = OrgScope & { readonly applicationId: string }

export interface JournalPage {
  readonly rows: readonly EventRow[]
  /** More could be read at once. */
  readonly more: boolean
  /** There is more, but a transaction that began before it has not ended: read again after a short wait. */
  readonly held: boolean
}

export function loadRunEvents(
  db: Db,
  { applicationId }: JournalScope,
  { runId, after }: { runId: string; after: Position },
): Promise<JournalPage> {
  return loadPage(db, {
    where: sql`run_id = ${runId} and application_id = ${applicationId} and seq > ${after.position}`,
    // One run has one writer at a time, so its events are committed in the order of their seq.
    readable: sql`true`,
    order: sql`seq`,
  })
}

export function loadApplicationEvents(
  db: Db,
  { applicationId }: JournalScope,
  { after }: { after: Position },
): Promise<JournalPage> {
  return loadPage(db, { where: sql`application_id = ${applicationId} and ${isLater(after)}`, ...acrossRuns })
}

export function loadAgentEvents(
  db: Db,
  { applicationId }: JournalScope,
  { agentId, after }: { agentId: string; after: Position },
): Promise<JournalPage> {
  return loadPage(db, {
    where: sql`agent_id = ${agentId} and application_id = ${applicationId} and ${isLater(after)}`,
    ...acrossRuns,
  })
}

/** How many events of an application, or of one of its agents, follow a position, counted up to `max`. */
export async function countEventsAfter(
  db: Db,
  { applicationId, agentId }: JournalScope & { agentId?: string },
  { after, max }: { after: Position; max: number },
): Promise<number> {
  const whose =
    agentId === undefined
      ? sql`application_id = ${applicationId}`
      : sql`agent_id = ${agentId} and application_id = ${applicationId}`
  const result = await sql<{
    count: number
  }>`select count(*) from (select from run_events where ${whose} and ${isLater(after)} limit ${max}) as later`.execute(
    db,
  )
  return result.rows[0]?.count ?? 0
}

/** True when an ended run has an event to send after a position; false when the event of its end was sent. */
export async function hasEventsToSend(
  db: Db,
  { applicationId }: JournalScope,
  { runId, after }: { runId: string; after: Position },
): Promise<boolean> {
  const result = await sql<{ last: number | null }>`
    select coalesce(
      (select seq from run_events
        where run_id = ${runId} and kind = 'run_update' and data ->> 'status' = any(${terminalStatuses}::text[])
        order by seq desc limit 1),
      (select max(seq) from run_events where run_id = ${runId} and application_id = ${applicationId})) as last`.execute(
    db,
  )
  return (result.rows[0]?.last ?? 0) > after.position
}

function isLater({ transaction, position }: Position) {
  return sql`(transaction, position) > (${String(transaction)}::xid8, ${position}::bigint)`
}

// A transaction below the snapshot's xmin has ended: no event can be committed before its events any more.
const acrossRuns = {
  readable: sql`transaction < pg_snapshot_xmin(pg_current_snapshot())`,
  order: sql`transaction, position`,
}

interface PageQuery {
  readonly where: RawBuilder<unknown>
  readonly readable: RawBuilder<unknown>
  readonly order: RawBuilder<unknown>
}

async function loadPage(db: Db, { where, readable, order }: PageQuery): Promise<JournalPage> {
  // The text of `transaction` is named `xid`: otherwise `order by` would sort by the text, with 1000 before 999.
  const { rows } = await sql<EventRow & { readable: boolean; found: number }>`
    select run_id, seq, id, end_user_id, transaction::text as xid, position, kind, type, level, event, message,
      data::text as data, case when kind = 'run_update' then data ->> 'status' end as status, created_at,
      readable, found
    from (
      select *, count(*) over () as found,
        sum(pg_column_size(data)) over (
          order by ${order} rows between unbounded preceding and 1 preceding) as bytes_before
      from (
        select *, ${readable} as readable from run_events
        where ${where} order by ${order} limit ${pageEventsMax}) as page) as sized
    where coalesce(bytes_before, 0) < ${pageBytesMax}
    order by ${order}`.execute(db)
  const unreadable = rows.findIndex((row) => !row.readable)
  const found = rows[0]?.found ?? 0
  return {
    rows: unreadable === -1 ? rows : rows.slice(0, unreadable),
    more: unreadable === -1 && (found === pageEventsMax || found > rows.length),
    held: unreadable !== -1,
  }
}
