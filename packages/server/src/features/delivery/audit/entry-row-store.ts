import { sql } from 'kysely'

/** An entry as read from the database. `actor` and `changes` are unknown, as the columns may be tampered with. */
export interface StoredAuditEntry {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string | null
  readonly action: string
  readonly actor: unknown
  readonly resourceId: string | null
  readonly changes: unknown
  readonly requestId: string | null
  readonly method: string | null
  readonly path: string | null
  readonly ip: string | null
  readonly userAgent: string | null
  /** ISO 8601. */
  readonly createdAt: string
}

/** The columns of a StoredAuditEntry, under its field names except for the time. */
export const entryColumns = sql.raw(
  'id, organization_id as "organizationId", application_id as "applicationId", action, actor, ' +
    'resource_id as "resourceId", changes, ' +
    'request_id as "requestId", method, path, ip, user_agent as "userAgent", created_at as "createdAtTime"',
)

/** The row that `entryColumns` select. */
export interface EntryRow extends Omit<StoredAuditEntry, 'createdAt'> {
  // PostgreSQL's `infinity` is read as a number. Only tampering can write it.
  readonly createdAtTime: Date | number
}

export function toStoredAuditEntry(row: EntryRow): StoredAuditEntry {
  const { createdAtTime } = row
  return { ...row, createdAt: typeof createdAtTime === 'number' ? String(createdAtTime) : createdAtTime.toISOString() }
}
