import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { terminalStatuses, type RunStatus } from '../../execution/runs/index.ts'
import type { EventRow } from './journal-event.ts'
import { parseSnapshot, type Position, type Snapshot } from './position.ts'

/** Events of one read: what is shared by the readers of a page, and what a page may hold in memory. */
const pageEventsMax = 500
const pageBytesMax = 1_048_576

type Tenant = OrgScope & { readonly applicationId: string }

export interface JournalPage {
  readonly rows: readonly EventRow[]
  /** More could be read at once. */
  readonly more: boolean
  /** More is there, but a transaction that began before it has not ended: read again in a moment. */
  readonly held: boolean
}

export function readRunEvents(
  db: Db,
  { applicationId }: Tenant,
  { runId, after }: { runId: string; after: Position },
): Promise<JournalPage> {
  return readPage(db, {
    where: sql`run_id = ${runId} and application_id = ${applicationId} and seq > ${after.position}`,
    // One run has one writer at a time, so its events are committed in the order of their seq.
    readable: sql`true`,
    order: sql`seq`,
  })
}

export function readApplicationEvents(
  db: Db,
  { applicationId }: Tenant,
  { after }: { after: Position },
): Promise<JournalPage> {
  return readPage(db, { where: sql`application_id = ${applicationId} and ${isLater(after)}`, ...acrossRuns })
}

export function readAgentEvents(
  db: Db,
  { applicationId }: Tenant,
  { agentId, after }: { agentId: string; after: Position },
): Promise<JournalPage> {
  return readPage(db, {
    where: sql`agent_id = ${agentId} and application_id = ${applicationId} and ${isLater(after)}`,
    ...acrossRuns,
  })
}

/** How many events of an application, or of one of its agents, follow a position, counted up to `max`. */
export async function countEventsAfter(
  db: Db,
  { applicationId, agentId }: Tenant & { agentId?: string },
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

/** Which transactions have ended by now. */
export async function findSnapshot(db: Db): Promise<Snapshot> {
  const result = await sql<{ snapshot: string }>`select pg_current_snapshot()::text as snapshot`.execute(db)
  return parseSnapshot(result.rows[0]?.snapshot ?? '')
}

export interface RunState {
  readonly id: string
  readonly status: RunStatus
  readonly lastSeq: number
}

/** Throws run-not-found, also for another end-user's run. */
export async function getRunState(db: Db, scope: AppScope, runId: string): Promise<RunState> {
  const query = db
    .selectFrom('runs')
    .select(['id', 'status', 'last_seq as lastSeq'])
    .where('id', '=', runId)
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
  const row = await (scope.endUserId === null
    ? query
    : query.where('end_user_id', '=', scope.endUserId)
  ).executeTakeFirst()
  if (row === undefined) throw problem('run-not-found')
  return row
}

/** The states of runs that streams are open for; the ids come from streams that were admitted to them. */
export async function findRunStates(db: Db, runIds: readonly string[]): Promise<Map<string, RunState>> {
  const rows =
    await sql<RunState>`select id, status, last_seq as "lastSeq" from runs where id = any(${runIds}::uuid[])`.execute(
      db,
    )
  return new Map(rows.rows.map((row) => [row.id, row]))
}

/** True when an ended run's stream has something after a position: not when its end was already sent. */
export async function hasEventsToSend(
  db: Db,
  { applicationId }: Tenant,
  { runId, after }: { runId: string; after: Position },
): Promise<boolean> {
  const result = await sql<{ last: number | null }>`
    select coalesce(
      (select seq from run_events where run_id = ${runId} and kind = 'run_update' and data ->> 'status' = any(${terminalStatuses}::text[]) order by seq desc limit 1),
      (select max(seq) from run_events where run_id = ${runId} and application_id = ${applicationId})) as last`.execute(
    db,
  )
  return (result.rows[0]?.last ?? 0) > after.position
}

function isLater({ transaction, position }: Position) {
  return sql`(transaction, position) > (${String(transaction)}::xid8, ${position}::bigint)`
}

// A transaction below the snapshot's xmin has ended, so nothing can be committed before its events any more.
const acrossRuns = {
  readable: sql`transaction < pg_snapshot_xmin(pg_current_snapshot())`,
  order: sql`transaction, position`,
}

interface PageQuery {
  readonly where: RawBuilder<unknown>
  readonly readable: RawBuilder<unknown>
  readonly order: RawBuilder<unknown>
}

async function readPage(db: Db, { where, readable, order }: PageQuery): Promise<JournalPage> {
  // The text of `transaction` has a name of its own: `order by` would take it for the column, and sort 1000 before 999.
  const { rows } = await sql<EventRow & { readable: boolean; found: number }>`
    select run_id, seq, id, end_user_id, transaction::text as xid, position, kind, type, level, event, message, data::text as data,
      case when kind = 'run_update' then data ->> 'status' end as status, created_at, readable, found
    from (
      select *, count(*) over () as found,
        sum(pg_column_size(data)) over (order by ${order} rows between unbounded preceding and 1 preceding) as bytes_before
      from (select *, ${readable} as readable from run_events where ${where} order by ${order} limit ${pageEventsMax}) as page) as sized
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
