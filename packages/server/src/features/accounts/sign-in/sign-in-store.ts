import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { newUuid, newWireId } from '../../../platform/ids/id.ts'

export interface NewUser {
  readonly name: string
  readonly email: string
  /** Undefined for a user who cannot sign in yet. */
  readonly passwordHash: string | undefined
  /** Defaults to true. */
  readonly emailVerified?: boolean
}

/**
 * Inserts a user, with a password hash of the auth library or without a password. Returns the id, or undefined if the
 * address is taken.
 */
export async function insertUser(
  tx: Tx,
  { name, email, passwordHash, emailVerified = true }: NewUser,
): Promise<string | undefined> {
  const id = newWireId('usr')
  const inserted = await tx
    .insertInto('users')
    .values({ id, name, email: email.toLowerCase(), email_verified: emailVerified })
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined) return undefined
  if (passwordHash !== undefined) await insertPassword(tx, id, passwordHash)
  return id
}

/** Gives a user, who has none, a password. */
export async function insertPassword(tx: Tx, userId: string, passwordHash: string): Promise<void> {
  await tx
    .insertInto('accounts')
    .values({
      id: `account_${newUuid().replaceAll('-', '')}`,
      user_id: userId,
      account_id: userId,
      provider_id: 'credential',
      password: passwordHash,
    })
    .execute()
}

/** Whether the user has a password, a linked account or a passkey. */
export async function canSignIn(db: Db, userId: string): Promise<boolean> {
  const { rows } = await sql`
    select from accounts where user_id = ${userId} union all select from passkeys where user_id = ${userId}
    limit 1`.execute(db)
  return rows.length > 0
}

/** Ends the user's mailed links for a new password, unfinished sign-ins and trusted devices. */
export async function deleteVerificationsOf(tx: Tx, userId: string): Promise<void> {
  await tx.deleteFrom('verifications').where('value', '=', userId).execute()
}

/** Stores a token with which the user can set a password until it expires, in the form that the library looks up. */
export async function insertPasswordToken(
  tx: Tx,
  { token, userId, expiresAt }: { readonly token: string; readonly userId: string; readonly expiresAt: Date },
): Promise<void> {
  await tx
    .insertInto('verifications')
    .values({
      id: `verification_${newUuid().replaceAll('-', '')}`,
      identifier: createHash('sha256').update(`reset-password:${token}`).digest('base64url'),
      value: userId,
      expires_at: expiresAt,
    })
    .execute()
}

/**
 * Whether the user's password or address has changed at `since` or later. Triggers note it in the transaction of the
 * change, and delete the user's links for a new password, unfinished sign-ins and trusted devices.
 */
export async function hasCredentialChangeSince(db: Db, userId: string, since: Date): Promise<boolean> {
  const row = await db
    .selectFrom('credential_changes')
    .select('user_id')
    .where('user_id', '=', userId)
    .where('changed_at', '>=', since)
    .executeTakeFirst()
  return row !== undefined
}

/** Deletes the oldest expired sessions and verifications, at most `batchMax` of each; returns how many. */
export async function deleteExpired(db: Db, { now, batchMax }: { now: Date; batchMax: number }): Promise<number[]> {
  const deletions = [
    sql`
      delete from sessions where id in (
        select id from sessions where expires_at < ${now}
        order by expires_at limit ${batchMax} for update skip locked
      )`,
    sql`
      delete from verifications where id in (
        select id from verifications where expires_at < ${now}
        order by expires_at limit ${batchMax} for update skip locked
      )`,
  ]
  const counts: number[] = []
  for (const deletion of deletions) counts.push(Number((await deletion.execute(db)).numAffectedRows ?? 0))
  return counts
}
