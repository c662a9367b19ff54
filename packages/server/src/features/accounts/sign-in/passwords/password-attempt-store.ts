import { sql } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'

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
