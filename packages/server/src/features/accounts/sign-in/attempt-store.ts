import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'

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

interface AttemptLimit {
  readonly now: Date
  /** Attempts of a series without a delay. */
  readonly freeAttempts: number
  readonly firstDelaySeconds: number
  readonly delaySecondsMax: number
  /** After this long without an attempt, a new series begins. */
  readonly seriesSeconds: number
}

/**
 * Atomically counts a password attempt, before the password is checked. Returns when the next attempt is allowed if
 * this one is not: each attempt after the free ones doubles the delay.
 */
export async function takePasswordAttempt(db: Db, account: string, limit: AttemptLimit): Promise<Date | undefined> {
  const { now, freeAttempts, firstDelaySeconds, delaySecondsMax, seriesSeconds } = limit
  const staleBefore = new Date(now.getTime() - seriesSeconds * 1000)
  const { rows: taken } = await sql`
    insert into password_attempts as a (account, attempts, last_at) values (${account}, 1, ${now}::timestamptz)
    on conflict (account) do update set
      attempts = case when a.last_at < ${staleBefore} then 1 else a.attempts + 1 end,
      reported = a.reported and a.last_at >= ${staleBefore},
      blocked_until = case when a.last_at >= ${staleBefore} and a.attempts + 1 >= ${freeAttempts}::int
        then ${now}::timestamptz + make_interval(secs => least(
          ${delaySecondsMax}::float8,
          ${firstDelaySeconds}::float8 * power(2, least(a.attempts + 1 - ${freeAttempts}::int, 30))
        )) end,
      last_at = ${now}::timestamptz
    where a.blocked_until is null or a.blocked_until <= ${now}
    returning account`.execute(db)
  if (taken.length > 0) return undefined
  const row = await db
    .selectFrom('password_attempts')
    .select('blocked_until')
    .where('account', '=', account)
    .executeTakeFirst()
  return row?.blocked_until ?? undefined
}

/** Forgets the account's attempts, after a correct password or a reset. */
export async function clearPasswordAttempts(db: Db, account: string): Promise<void> {
  await db.deleteFrom('password_attempts').where('account', '=', account).execute()
}

/** Marks a delayed series as reported. True for the first caller of a series, false for others and without a delay. */
export async function claimReport(db: Db, account: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('password_attempts')
    .set({ reported: true })
    .where('account', '=', account)
    .where('blocked_until', 'is not', null)
    .where('reported', '=', false)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** Deletes the oldest series whose last attempt was before the time, at most `batchMax`; returns how many. */
export async function deletePasswordAttempts(
  db: Db,
  { before, batchMax }: { before: Date; batchMax: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from password_attempts where account in (
      select account from password_attempts where last_at < ${before} order by last_at limit ${batchMax}
      for update skip locked
    )`.execute(db)
  return Number(numAffectedRows ?? 0)
}
