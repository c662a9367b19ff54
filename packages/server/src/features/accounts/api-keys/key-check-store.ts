import { sql } from 'kysely'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Db } from '../../../platform/db/database.ts'
import { isLiveApplication } from '../applications/index.ts'
import { memberships } from '../organizations/index.ts'
import { suspensionOfUser } from '../suspensions/index.ts'
import { parseKeyLimits, type KeyLimits } from './key-limits.ts'

/** A key that a request may use, and what it may do. */
export interface KnownKey {
  readonly keyId: string
  readonly userId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly scopes: readonly string[]
  /** When the secret stops working: at the key's expiry or, if sooner, at the end of a replaced secret's overlap. */
  readonly expiresAt: Date | null
  /** The role of the user to whom the secret belongs. */
  readonly role: Role
  readonly apiVersion: string | null
  readonly limits: KeyLimits
  /** Why the organization is suspended; null if it is not. */
  readonly suspensionReason: string | null
}

/**
 * The keys with the hashes of secrets, by hash in base64. Leaves out keys that are revoked, whose creator is no longer
 * a member or is suspended, or whose application is deleted, but not expired ones. A secret that a rotation replaced is
 * found too, with its own creator.
 */
export async function findKeys(db: Db, keyHashes: readonly Buffer[]): Promise<Map<string, KnownKey>> {
  // `least` of a date and null is the date. Each of the two columns of hashes has a unique index.
  const { rows } = await sql<Omit<KnownKey, 'limits'> & { hash: Buffer; limits: unknown }>`
    select asked.hash, k.id as "keyId", m.user_id as "userId", k.organization_id as "organizationId",
      k.application_id as "applicationId", k.scopes, k.limits, m.role, m.api_version as "apiVersion",
      m.suspension_reason as "suspensionReason",
      case when k.key_hash = asked.hash then k.expires_at else least(k.expires_at, k.previous_expires_at) end
        as "expiresAt"
    from unnest(${keyHashes}::bytea[]) as asked (hash)
    join api_keys k on k.key_hash = asked.hash or k.previous_key_hash = asked.hash
    join ${memberships(db)} m on m.organization_id = k.organization_id and
      m.user_id = coalesce(case when k.key_hash <> asked.hash then k.previous_created_by end, k.created_by)
    where k.revoked_at is null and not exists (${suspensionOfUser(sql.ref('m.user_id'))}) and
      ${isLiveApplication(sql.ref('k.application_id'))}`.execute(db)
  return new Map(
    rows.map(({ hash, limits, ...key }) => [hash.toString('base64'), { ...key, limits: parseKeyLimits(limits) }]),
  )
}

/** The key with a secret's hash, as `findKeys`. One statement: a request with an API key may have to wait for it. */
export async function findKey(db: Db, keyHash: Buffer): Promise<KnownKey | undefined> {
  return (await findKeys(db, [keyHash])).get(keyHash.toString('base64'))
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
