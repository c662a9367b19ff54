import { sql } from 'kysely'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { ExpiryHook } from '../../../platform/hooks/hooks.ts'

/** A notification goes with the marks of those who have read it. */
const batchNotificationsMax = 100

/** Deletes old notifications, with their read marks. */
export const expireNotifications: ExpiryHook = async (tx, { applicationId, before, limit }) => {
  // A notification's id holds the time of its creation, so the index on ids finds the oldest ones.
  const { numAffectedRows } = await sql`
    delete from notifications where id in (
      select id from notifications
      where application_id = ${applicationId} and id < ${firstEntryIdAt(before)} and created_at < ${before}
      order by id limit ${Math.min(limit, batchNotificationsMax)} for update skip locked)`.execute(tx)
  const count = Number(numAffectedRows ?? 0n)
  return { rows: count, deleted: { notifications: count } }
}
