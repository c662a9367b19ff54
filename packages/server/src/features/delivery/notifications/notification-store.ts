import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { loadPage, type Page, type Slice, type Start } from '../../../platform/lists/load-page.ts'
import { countUpTo, plannedRows } from '../../../platform/lists/postgres-list.ts'
import { newUuid, nilUuid } from '../../../platform/ids/id.ts'
import { uuidBefore, type Notification, type Reader } from './notification.ts'

/** Counts and the search for unread ones scan only this many of a reader's newest, which bounds their cost. */
const countedMax = 1000

/** Longest that a transaction which writes a notification is open: its id is older than its commit by at most this. */
const openTransactionMaxMs = 600_000

/** A reader's notifications in an application. */
export interface Inbox {
  readonly scope: AppScope
  readonly reader: Reader
}

interface InboxWindow {
  readonly limit: number
  readonly unread?: boolean
  readonly columns?: RawBuilder<unknown>
  /** Only notifications older than this one. */
  readonly after?: string
}

/** The reader's notifications, newest first. */
export async function loadNotifications(
  db: Db,
  inbox: Inbox,
  { page, unread }: { page: Page; unread: boolean },
): Promise<Slice<Notification>> {
  const most = unread ? countedMax : Number.POSITIVE_INFINITY
  const source = {
    async items(start: Start<string>, limit: number) {
      const offset = 'offset' in start ? start.offset : 0
      const keys = window(inbox, {
        limit: Math.min(most, offset + limit),
        unread,
        columns: sql`n.id`,
        ...('after' in start ? start : {}),
      })
      const { rows } = await sql<Notification>`
        select id, type, message, run_id as "runId", agent_id as "agentId", created_at as "createdAt",
          ${isRead(inbox)} as read
        from notifications as n
        where n.id in (select id from ${keys} as k order by id desc limit ${limit} offset ${offset})
        order by n.id desc`.execute(db)
      return rows
    },
    keyOf: ({ id }: Notification) => id,
    count: (max: number) =>
      countUpTo(
        db,
        sql`select from ${window(inbox, { limit: Math.min(most, max), unread, columns: sql`n.id` })} as n limit ${max}`,
      ),
    async estimate() {
      const { rows } = await sql`
        explain (format json) select from notifications as n where ${belongsTo(inbox)}`.execute(db)
      return plannedRows(rows)
    },
  }
  return loadPage(source, page)
}

/** How many notifications are unread, at most `countedMax`. */
export function countUnreadIn(db: Db, inbox: Inbox): Promise<number> {
  return countRows(db, window(inbox, { limit: countedMax, unread: true }))
}

/** How many notifications are unread, by the stored UUID of the agent. */
export async function countUnreadPerAgent(db: Db, inbox: Inbox): Promise<{ agentId: string; count: number }[]> {
  const { rows } = await sql<{ agentId: string; count: number }>`
    select agent_id as "agentId", count(*) as count from ${window(inbox, { limit: countedMax, unread: true })} as n
    where agent_id is not null group by agent_id order by agent_id`.execute(db)
  return rows
}

/** Marks a notification as read; undefined if there is none in the inbox. */
export async function saveRead(db: Db, inbox: Inbox, id: string): Promise<Notification | undefined> {
  await insertReads(db, inbox, sql`n.id = ${id}`)
  const { rows } = await sql<Notification>`
    select id, type, message, run_id as "runId", agent_id as "agentId", created_at as "createdAt", true as read
    from notifications as n where n.id = ${id} and ${belongsTo(inbox)}`.execute(db)
  return rows[0]
}

/** Marks a run's notification as read; false if the reader has none. The caller has found the run in the scope. */
export async function saveRunRead(db: Db, inbox: Inbox, runId: string): Promise<boolean> {
  await insertReads(db, inbox, sql`n.run_id = ${runId}`)
  const { rows } =
    await sql`select 1 from notifications as n where n.run_id = ${runId} and ${belongsTo(inbox)}`.execute(db)
  return rows.length > 0
}

/** Marks all notifications that the reader can see now as read; returns how many were unread, at most `countedMax`. */
export async function saveAllRead(tx: Tx, inbox: Inbox): Promise<number> {
  const { scope, reader } = inbox
  await sql`
    insert into notification_marks as m (application_id, reader, read_until, end_user_id)
    values (${scope.applicationId}, ${reader.id}, ${nilUuid}, ${scope.endUserId})
    on conflict (application_id, reader) do update set read_until = m.read_until`.execute(tx)
  // A notification that commits later can have a smaller id than one that is visible now. So the mark stays below
  // the ids of transactions that may still be open, and newer notifications are marked one by one.
  const floor = uuidBefore(newUuid(), openTransactionMaxMs)
  const { rows } = await sql<{ count: number }>`
    with unread as (select id from ${window(inbox, { limit: countedMax, unread: true })} as n),
      singly as (
        insert into notification_reads (notification_id, reader)
        select n.id, ${reader.id} from notifications as n where n.id > ${floor} and ${belongsTo(inbox)}
        on conflict do nothing),
      mark as (
        update notification_marks set read_until = greatest(read_until, ${floor})
        where application_id = ${scope.applicationId} and reader = ${reader.id})
    select count(*) as count from unread`.execute(tx)
  return Math.min(countedMax, rows[0]?.count ?? 0)
}

/** Deletes at most `limit` of the oldest notifications created before `before`; returns how many. */
export async function deleteNotificationsBefore(db: Db, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notifications where id in (
      select id from notifications where created_at < ${before}
      order by created_at limit ${limit} for update skip locked)`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/** Deletes at most `limit` notifications of an end-user, and as many of their marks; returns how many. */
export async function deleteNotificationsOf(
  tx: Tx,
  { applicationId, endUserId }: { readonly applicationId: string; readonly endUserId: string },
  limit: number,
): Promise<{ reads: number; notifications: number }> {
  const reads = await sql`
    delete from notification_reads where ctid = any(array(
      select ctid from notification_reads where reader = ${endUserId} limit ${limit}))`.execute(tx)
  const notifications = await sql`
    delete from notifications where ctid = any(array(
      select ctid from notifications
      where application_id = ${applicationId} and end_user_id = ${endUserId} limit ${limit}))`.execute(tx)
  return { reads: Number(reads.numAffectedRows ?? 0), notifications: Number(notifications.numAffectedRows ?? 0) }
}

async function insertReads(db: Db, inbox: Inbox, which: RawBuilder<unknown>): Promise<void> {
  await sql`
    insert into notification_reads (notification_id, reader)
    select n.id, ${inbox.reader.id} from notifications as n where ${which} and ${belongsTo(inbox)}
    on conflict do nothing`.execute(db)
}

async function countRows(db: Db, rowsOf: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${rowsOf} as n`.execute(db)
  return Math.min(countedMax, rows[0]?.count ?? 0)
}

/** The reader's newest notifications, read from one ordered index range for each kind of recipient. */
function window(inbox: Inbox, { limit, unread = false, after, columns = sql`*` }: InboxWindow): RawBuilder<unknown> {
  const older = after === undefined ? sql`` : sql`and n.id < ${after}`
  const marked = unread ? sql`and n.id > ${readUntil(inbox)}` : sql``
  const ranges = recipients(inbox.reader).map(
    (recipient) =>
      sql`(
        select ${columns} from notifications as n where ${inApplication(inbox)} and ${recipient} ${older} ${marked}
        order by n.id desc limit ${limit})`,
  )
  const all = sql.join(ranges, sql` union all `)
  return unread ? sql`(select * from (${all}) as n where not exists (${readRow(inbox)}))` : sql`(${all})`
}

function inApplication({ scope }: Inbox): RawBuilder<unknown> {
  return sql`n.organization_id = ${scope.organizationId} and n.application_id = ${scope.applicationId}`
}

function belongsTo(inbox: Inbox): RawBuilder<unknown> {
  return sql`${inApplication(inbox)} and (${sql.join(recipients(inbox.reader), sql` or `)})`
}

function recipients({ kind, id }: Reader): RawBuilder<unknown>[] {
  const everyone = sql`(n.user_id is null and n.end_user_id is null)`
  switch (kind) {
    case 'user':
      return [sql`n.user_id = ${id}`, everyone]
    case 'end-user':
      return [sql`n.end_user_id = ${id}`]
    case 'api-key':
      return [everyone]
  }
}

function isRead(inbox: Inbox): RawBuilder<boolean> {
  return sql<boolean>`(n.id <= ${readUntil(inbox)} or exists (${readRow(inbox)}))`
}

function readRow({ reader }: Inbox): RawBuilder<unknown> {
  return sql`select 1 from notification_reads as r where r.reader = ${reader.id} and r.notification_id = n.id`
}

function readUntil({ scope, reader }: Inbox): RawBuilder<unknown> {
  return sql`coalesce((
    select read_until from notification_marks
    where application_id = ${scope.applicationId} and reader = ${reader.id}), ${nilUuid})`
}
