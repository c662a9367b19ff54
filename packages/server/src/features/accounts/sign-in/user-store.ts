import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'

/** A user as the other nouns see them. */
export interface User {
  /** In wire form (usr_…). */
  readonly id: string
  readonly displayName: string
  readonly email: string
  readonly emailVerified: boolean
  /** A BCP 47 tag; null takes the default. */
  readonly language: string | null
  readonly twoFactorEnabled: boolean
  readonly createdAt: Date
}

const columns = ['id', 'name', 'email', 'email_verified', 'language', 'two_factor_enabled', 'created_at'] as const

export async function findUser(db: Db, userId: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').select(columns).where('id', '=', userId).executeTakeFirst()
  return row === undefined ? undefined : toUser(row)
}

/** The user with the address, in any case. */
export async function findUserByEmail(db: Db, email: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').select(columns).where('email', '=', email.toLowerCase()).executeTakeFirst()
  return row === undefined ? undefined : toUser(row)
}

/** Locks the user until the transaction ends. */
export async function lockUser(tx: Tx, userId: string): Promise<User | undefined> {
  const row = await tx.selectFrom('users').select(columns).where('id', '=', userId).forNoKeyUpdate().executeTakeFirst()
  return row === undefined ? undefined : toUser(row)
}

/** Saves the fields in `changes` of a locked user; absent fields do not change. */
export async function saveUser(
  tx: Tx,
  userId: string,
  changes: { displayName?: string; language?: string | null },
): Promise<User> {
  const row = await tx
    .updateTable('users')
    .set({
      ...(changes.displayName === undefined ? {} : { name: changes.displayName }),
      ...(changes.language === undefined ? {} : { language: changes.language }),
      updated_at: sql`now()`,
    })
    .where('id', '=', userId)
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toUser(row)
}

/**
 * Locks the user until the transaction ends, also against new sessions and memberships. False if there is no such user.
 */
export async function lockUserAlone(tx: Tx, userId: string): Promise<boolean> {
  const row = await tx.selectFrom('users').select('id').where('id', '=', userId).forUpdate().executeTakeFirst()
  return row !== undefined
}

/** Every user, as `u`. */
export function everyUser(db: Db) {
  return db.selectFrom('users as u')
}

/** Names and addresses of users, to be joined. */
export function userNames(db: Db) {
  return db.selectFrom('users').select(['id', 'name', 'email'])
}

/** Users by address, with when it was confirmed after the account had been created, to be joined. */
export function userAddresses(db: Db) {
  return db
    .selectFrom('users')
    .leftJoin('address_confirmations', 'address_confirmations.user_id', 'users.id')
    .select(['users.id', 'users.email', 'users.email_verified', 'address_confirmations.confirmed_at'])
}

/** Whether a user exists, as a condition on the column `id` of another table. */
export function userExists(id: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (select from users as existing_user where existing_user.id = ${id})`
}

/** False before the first user signs up. */
export async function hasUsers(db: Db): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
}

interface UserRow {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly email_verified: boolean
  readonly language: string | null
  readonly two_factor_enabled: boolean | null
  readonly created_at: Date
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    displayName: row.name,
    email: row.email,
    emailVerified: row.email_verified,
    language: row.language,
    twoFactorEnabled: row.two_factor_enabled ?? false,
    createdAt: row.created_at,
  }
}
