import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Profile } from './profile.ts'

const columns = ['id', 'name', 'email', 'email_verified', 'language', 'two_factor_enabled', 'created_at'] as const

/** The profile of a signed-in user. */
export async function getProfile(db: Db, userId: string): Promise<Profile> {
  return toProfile(await db.selectFrom('users').select(columns).where('id', '=', userId).executeTakeFirstOrThrow())
}

/** Gets the profile and locks it until the transaction ends. */
export async function lockProfile(tx: Tx, userId: string): Promise<Profile> {
  return toProfile(
    await tx.selectFrom('users').select(columns).where('id', '=', userId).forNoKeyUpdate().executeTakeFirstOrThrow(),
  )
}

/** Saves the fields in `changes`; absent fields do not change. */
export async function saveProfile(
  tx: Tx,
  userId: string,
  changes: { displayName?: string; language?: string | null },
): Promise<Profile> {
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
  return toProfile(row)
}

/** The given users who are members of the organization, sorted by name. */
export async function findMemberProfiles(
  db: Db,
  scope: OrgScope,
  ids: readonly string[],
): Promise<{ id: string; displayName: string }[]> {
  return db
    .selectFrom('organization_members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select(['u.id', 'u.name as displayName'])
    .where('m.organization_id', '=', scope.organizationId)
    .where('m.user_id', 'in', [...ids])
    .orderBy('u.name')
    .orderBy('u.id')
    .execute()
}

interface ProfileRow {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly email_verified: boolean
  readonly language: string | null
  readonly two_factor_enabled: boolean | null
  readonly created_at: Date
}

function toProfile(row: ProfileRow): Profile {
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
