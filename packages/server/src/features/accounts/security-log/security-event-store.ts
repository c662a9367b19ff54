import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { isSecurityAction, type SecurityEvent } from './security-event.ts'

export async function insertSecurityEvent(db: Db, event: SecurityEvent): Promise<void> {
  await db
    .insertInto('security_events')
    .values({
      id: event.id,
      user_id: event.userId,
      action: event.action,
      detail: event.detail,
      ip: event.ip,
      user_agent: event.userAgent,
      request_id: event.requestId,
    })
    .execute()
}

/** The user's events, newest first. */
export async function loadSecurityEvents(db: Db, userId: string, page: Page): Promise<Slice<SecurityEvent>> {
  const own = db.selectFrom('security_events').where('user_id', '=', userId)
  return mapSlice(await loadNewest(db, { rows: own.selectAll(), matching: own }, page), toSecurityEvent)
}

/** Deletes the oldest events below the id, at most `batchMax`; returns how many. */
export async function deleteEventsBelow(db: Db, id: string, batchMax: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from security_events where id in (
      select id from security_events where id < ${id} order by id limit ${batchMax} for update skip locked
    )`.execute(db)
  return Number(numAffectedRows ?? 0)
}

interface EventRow {
  readonly id: string
  readonly user_id: string
  readonly action: string
  readonly detail: string | null
  readonly ip: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
}

function toSecurityEvent(row: EventRow): SecurityEvent {
  const { action } = row
  if (!isSecurityAction(action)) throw new Error(`A security event has the unknown action ${action}.`)
  return {
    id: row.id,
    userId: row.user_id,
    action,
    detail: row.detail,
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
  }
}
