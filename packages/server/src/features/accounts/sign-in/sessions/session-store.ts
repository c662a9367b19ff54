import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import type { TimeAndId } from '../../../../platform/lists/cursor.ts'
import { loadPage, mapSlice, type Page, type Slice } from '../../../../platform/lists/load-page.ts'
import { tableList } from '../../../../platform/lists/postgres-list.ts'

export interface Session {
  /** In wire form (ses_…); never the token. */
  readonly id: string
  readonly ip: string | null
  readonly userAgent: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly expiresAt: Date
}

/** The user's sessions that have not expired, newest first. */
export async function loadSessions(
  db: Db,
  userId: string,
  { page, now }: { page: Page<TimeAndId>; now: Date },
): Promise<Slice<Session, TimeAndId>> {
  const matching = db.selectFrom('sessions').where('user_id', '=', userId).where('expires_at', '>', now)
  const list = tableList(db, {
    rows: matching.select(['id', 'ip_address', 'user_agent', 'created_at', 'updated_at', 'expires_at']),
    matching,
    order: {
      columns: ['created_at', 'id'],
      direction: 'desc',
      valuesOf: ({ time, id }: TimeAndId) => [time, id],
    },
    keyOf: (row) => ({ time: row.created_at, id: row.id }),
  })
  return mapSlice(await loadPage(list, page), toSession)
}

/** Ends a session of the user; false when they have no such session. */
export async function deleteSession(tx: Tx, userId: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('sessions')
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** Ends the user's session with this stored token; returns its id, or undefined when they have no such session. */
export async function deleteSessionByToken(tx: Tx, userId: string, token: string): Promise<string | undefined> {
  const row = await tx
    .deleteFrom('sessions')
    .where('user_id', '=', userId)
    .where('token', '=', token)
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

/** Ends every session of the user except `keptId`; returns how many, or undefined if that session no longer exists. */
export async function deleteOtherSessions(tx: Tx, userId: string, keptId: string): Promise<number | undefined> {
  // Serialized by a lock: two sessions that revoke each other concurrently would leave none.
  await tx.selectFrom('users').select('id').where('id', '=', userId).forNoKeyUpdate().execute()
  const kept = await tx
    .selectFrom('sessions')
    .select('id')
    .where('user_id', '=', userId)
    .where('id', '=', keptId)
    .executeTakeFirst()
  if (kept === undefined) return undefined
  const { numDeletedRows } = await tx
    .deleteFrom('sessions')
    .where('user_id', '=', userId)
    .where('id', '<>', keptId)
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

/** Ends every session of the user; returns how many. */
export async function deleteSessions(tx: Tx, userId: string): Promise<number> {
  const { numDeletedRows } = await tx.deleteFrom('sessions').where('user_id', '=', userId).executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

/** Which of the sessions have neither ended nor expired. */
export async function findOpenSessions(db: Db, ids: readonly string[], now: Date): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from sessions where id = any(${ids}::text[]) and expires_at > ${now}`.execute(db)
  return new Set(rows.map((row) => row.id))
}

interface SessionRow {
  readonly id: string
  readonly ip_address: string | null
  readonly user_agent: string | null
  readonly created_at: Date
  readonly updated_at: Date
  readonly expires_at: Date
}

function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    ip: row.ip_address,
    userAgent: row.user_agent,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
  }
}
