import { sql } from 'kysely'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Db } from '../../../platform/db/database.ts'
import { isMember, memberships } from '../organizations/index.ts'

/** A key that a request may use, and what it may do. */
export interface KnownKey {
  readonly keyId: string
  readonly userId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly scopes: readonly string[]
  /** When the secret stops working: at the key's expiry or, if sooner, at the end of a replaced secret's overlap. */
  readonly expiresAt: Date | null
  /** The role of the key's creator. */
  readonly role: Role
  readonly apiVersion: string | null
}

/**
 * The key with a secret's hash, unless it is revoked or its creator is no longer a member. A secret that a rotation
 * replaced is found too. One statement, because a request with an API key may have to wait for it.
 */
export async function findKey(db: Db, keyHash: Buffer): Promise<KnownKey | undefined> {
  const row = await db
    .selectFrom('api_keys as k')
    .innerJoin(memberships(db).as('m'), (join) =>
      join.onRef('m.organization_id', '=', 'k.organization_id').onRef('m.user_id', '=', 'k.created_by'),
    )
    .select(['k.id', 'k.organization_id', 'k.application_id', 'k.created_by', 'k.scopes', 'm.role', 'm.api_version'])
    // `least` of a date and null is the date.
    .select(
      sql<Date | null>`
        case when k.key_hash = ${keyHash} then k.expires_at else least(k.expires_at, k.previous_expires_at) end`.as(
        'expires_at',
      ),
    )
    // Each of the two columns has a unique index.
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

/** Saves when keys were last used. Skips keys that another transaction is changing at this moment. */
export async function saveKeyUses(db: Db, uses: ReadonlyMap<string, Date>): Promise<void> {
  const ids = [...uses.keys()]
  await sql`
    update api_keys set last_used_at = greatest(last_used_at, used.at)
    from unnest(${ids}::uuid[], ${[...uses.values()]}::timestamptz[]) as used (id, at)
    where api_keys.id = used.id and api_keys.id in (
      select id from api_keys where id = any(${ids}::uuid[]) order by id for no key update skip locked)`.execute(db)
}

/** Which of the given keys are still valid, across organizations. */
export async function findValidKeys(db: Db, keyIds: readonly string[], now: Date): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select k.id from api_keys k
    where k.id = any(${keyIds}::uuid[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > ${now})
      and ${isMember(sql.ref('k.organization_id'), sql.ref('k.created_by'))}`.execute(db)
  return new Set(rows.map((row) => row.id))
}
