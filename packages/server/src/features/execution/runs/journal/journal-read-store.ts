import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'
import type { OrgScope } from '../../../../platform/access/caller.ts'
import { terminalStatuses } from '../run.ts'

/** Limits of one read. The readers of a page share it; it is held in memory. */
const pageEventsMax = 500
const pageBytesMax = 1_048_576

/**
 * A place in a journal, after which reading continues: across runs the `position` of an event, within one run its
 * `seq`.
 */
export type Position = number

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
  /** More can be read at once. */
  readonly more: boolean
}

/** The events after a position, and up to the horizon of their application (`findHorizons`). */
export interface Span {
  readonly after: Position
  readonly upTo: Position
}

export function loadRunEvents(
  db: Db,
  { applicationId }: JournalScope,
  { runId, after }: { runId: string; after: Position },
): Promise<JournalPage> {
  return loadPage(db, {
    where: sql`run_id = ${runId} and application_id = ${applicationId} and seq > ${after}`,
    // One run has one writer at a time, so its events are committed in the order of their seq: they need no horizon.
    order: sql`seq`,
  })
}

export function loadApplicationEvents(db: Db, { applicationId }: JournalScope, span: Span): Promise<JournalPage> {
  return loadPage(db, {
    where: sql`application_id = ${applicationId} and ${isWithin(span)}`,
    order: sql`position`,
  })
}

export function loadAgentEvents(
  db: Db,
  { applicationId }: JournalScope,
  { agentId, ...span }: Span & { agentId: string },
): Promise<JournalPage> {
  return loadPage(db, {
    where: sql`agent_id = ${agentId} and application_id = ${applicationId} and ${isWithin(span)}`,
    order: sql`position`,
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
  }>`
    select count(*) from (
      select from run_events where ${whose} and position > ${after} limit ${max}) as later`.execute(db)
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
  return (result.rows[0]?.last ?? 0) > after
}

/** By id the last position of each application's and each agent's events; without those that have none. */
export async function findLastPositions(
  db: Db,
  { applicationIds, agentIds }: { applicationIds: readonly string[]; agentIds: readonly string[] },
): Promise<Map<string, Position>> {
  const { rows } = await sql<{ id: string; position: Position }>`
    select s.id, e.position from unnest(${applicationIds}::uuid[]) as s (id) cross join lateral (
      select position from run_events where application_id = s.id order by position desc limit 1) e
    union all
    select s.id, e.position from unnest(${agentIds}::uuid[]) as s (id) cross join lateral (
      select position from run_events where agent_id = s.id order by position desc limit 1) e`.execute(db)
  return new Map(rows.map(({ id, position }) => [id, position]))
}

function isWithin({ after, upTo }: Span) {
  return sql`position > ${after} and position <= ${upTo}`
}

interface PageQuery {
  readonly where: RawBuilder<unknown>
  readonly order: RawBuilder<unknown>
}

async function loadPage(db: Db, { where, order }: PageQuery): Promise<JournalPage> {
  const { rows } = await sql<EventRow & { found: number }>`
    select run_id, seq, id, end_user_id, transaction::text as xid, position, kind, type, level, event, message,
      data::text as data, case when kind = 'run_update' then data ->> 'status' end as status, created_at, found
    from (
      select *, count(*) over () as found,
        sum(pg_column_size(data)) over (
          order by ${order} rows between unbounded preceding and 1 preceding) as bytes_before
      from (select * from run_events where ${where} order by ${order} limit ${pageEventsMax}) as page) as sized
    where coalesce(bytes_before, 0) < ${pageBytesMax}
    order by ${order}`.execute(db)
  const found = rows[0]?.found ?? 0
  return { rows, more: found === pageEventsMax || found > rows.length }
}
