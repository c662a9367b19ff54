import { sql } from 'kysely'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Db } from '../../../platform/db/database.ts'

export interface MembershipRow {
  readonly organizationId: string
  readonly role: Role
  readonly apiVersion: string | null
}

export interface KeyRow extends MembershipRow {
  readonly keyId: string
  readonly userId: string
  readonly applicationId: string
  readonly scopes: readonly string[]
  /** When the secret stops working: the key's expiry or, of a former secret, the end of the overlap when that is sooner. */
  readonly expiresAt: Date | null
}

/** The key of a secret's hash, when it is not revoked and its creator is still a member. A rotated key's former secret counts too. */
export async function findKey(db: Db, keyHash: Buffer): Promise<KeyRow | undefined> {
  const row = await db
    .selectFrom('api_keys as k')
    .innerJoin('organization_members as m', (join) =>
      join.onRef('m.organization_id', '=', 'k.organization_id').onRef('m.user_id', '=', 'k.created_by'),
    )
    .innerJoin('organizations as o', 'o.id', 'k.organization_id')
    .select(['k.id', 'k.organization_id', 'k.application_id', 'k.created_by', 'k.scopes', 'm.role', 'o.api_version'])
    // Of a date and null, `least` takes the date.
    .select(
      sql<Date | null>`case when k.key_hash = ${keyHash} then k.expires_at else least(k.expires_at, k.previous_expires_at) end`.as(
        'expires_at',
      ),
    )
    // Each of the two has a unique index of its own.
    .where((eb) => eb.or([eb('k.key_hash', '=', keyHash), eb('k.previous_key_hash', '=', keyHash)]))
    .where('k.revoked_at', 'is', null)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : {
        keyId: row.id,
        userId: row.created_by,
        organizationId: row.organization_id,
        applicationId: row.application_id,
        scopes: row.scopes,
        expiresAt: row.expires_at,
        role: row.role,
        apiVersion: row.api_version,
      }
}

/** Remembers when keys were last used. A key that somebody else is changing at this moment is left out. */
export async function saveKeyUses(db: Db, uses: ReadonlyMap<string, Date>): Promise<void> {
  await sql`
    update api_keys set last_used_at = greatest(last_used_at, used.at)
    from unnest(${[...uses.keys()]}::uuid[], ${[...uses.values()]}::timestamptz[]) as used (id, at)
    where api_keys.id = used.id and api_keys.id in (select id from api_keys where id = any(${[...uses.keys()]}::uuid[]) order by id for no key update skip locked)`.execute(
    db,
  )
}

/** Those of the API keys that are still valid, whoever's they are. */
export async function findValidKeys(db: Db, keyIds: readonly string[], now: Date): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select k.id from api_keys k join organization_members m on m.organization_id = k.organization_id and m.user_id = k.created_by
    where k.id = any(${keyIds}::uuid[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > ${now})`.execute(
    db,
  )
  return new Set(rows.map((row) => row.id))
}

/** `<organization>:<user>` of those memberships of the users that exist. */
export async function findMemberships(db: Db, userIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ key: string }>`
    select organization_id || ':' || user_id as key from organization_members where user_id = any(${userIds}::text[])`.execute(
    db,
  )
  return new Set(rows.map((row) => row.key))
}

/** Those of the sessions that have neither ended nor expired. */
export async function findOpenSessions(db: Db, ids: readonly string[], now: Date): Promise<Set<string>> {
  const result = await sql<{
    id: string
  }>`select id from sessions where id = any(${ids}::text[]) and expires_at > ${now}`.execute(db)
  return new Set(result.rows.map((row) => row.id))
}

/** Those of the end-users that were not erased. */
export async function findEndUsers(db: Db, endUserIds: readonly string[]): Promise<Set<string>> {
  if (endUserIds.length === 0) return new Set()
  const result = await sql<{ id: string }>`select id from end_users where id = any(${endUserIds}::uuid[])`.execute(db)
  return new Set(result.rows.map((row) => row.id))
}

export async function findMembershipRow(
  db: Db,
  userId: string,
  organizationId: string,
): Promise<MembershipRow | undefined> {
  const row = await db
    .selectFrom('organization_members as m')
    .innerJoin('organizations as o', 'o.id', 'm.organization_id')
    .select(['m.organization_id', 'm.role', 'o.api_version'])
    .where('m.user_id', '=', userId)
    .where('m.organization_id', '=', organizationId)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : { organizationId: row.organization_id, role: row.role, apiVersion: row.api_version }
}

export async function findApplicationOrganization(db: Db, applicationId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('applications')
    .select('organization_id')
    .where('id', '=', applicationId)
    .executeTakeFirst()
  return row?.organization_id
}

export async function endUserExists(db: Db, applicationId: string, endUserId: string): Promise<boolean> {
  const row = await db
    .selectFrom('end_users')
    .select('id')
    .where('application_id', '=', applicationId)
    .where('id', '=', endUserId)
    .executeTakeFirst()
  return row !== undefined
}
