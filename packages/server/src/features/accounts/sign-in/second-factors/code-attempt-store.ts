import { sql } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'

interface CodeLimit {
  readonly now: Date
  readonly attemptsMax: number
  readonly lockSeconds: number
}

/** Atomically uses one of the user's code attempts. If none is left, returns when the lock ends. */
export async function takeCodeAttempt(
  db: Db,
  userId: string,
  { now, attemptsMax, lockSeconds }: CodeLimit,
): Promise<Date | undefined> {
  const { rows: taken } = await sql`
    update two_factors
    set
      failed_verification_count =
        case when locked_until is null then coalesce(failed_verification_count, 0) + 1 else 1 end,
      locked_until = null
    where user_id = ${userId} and
      case when locked_until is null then coalesce(failed_verification_count, 0) < ${attemptsMax}
      else locked_until <= ${now} end
    returning id`.execute(db)
  if (taken.length > 0) return undefined
  // The lock may not be set yet: all attempts may be in progress at the same time, or lost in a crash.
  const lockEnd = new Date(now.getTime() + lockSeconds * 1000)
  const { rows } = await sql<{ until: Date }>`
    update two_factors set locked_until = coalesce(locked_until, ${lockEnd}::timestamptz)
    where user_id = ${userId} returning locked_until as until`.execute(db)
  return rows[0]?.until
}

/** Claims `id` until it expires. True for the first caller, false for later ones. */
export async function claimCode(
  db: Db,
  { id, now, expiresAt }: { id: string; now: Date; expiresAt: Date },
): Promise<boolean> {
  const { rows } = await sql`
    insert into verifications as v (id, identifier, value, expires_at) values (${id}, ${id}, 'used', ${expiresAt})
    on conflict (id) do update set expires_at = excluded.expires_at where v.expires_at <= ${now}
    returning id`.execute(db)
  return rows.length > 0
}
