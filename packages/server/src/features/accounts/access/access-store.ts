import type { Db } from '../../../platform/db/database.ts'
import type { Role } from './permission-matrix.ts'

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
  readonly expiresAt: Date | null
}

/** The key of a hash, when it is not revoked and its creator is still a member. */
export async function findKey(db: Db, keyHash: Buffer): Promise<KeyRow | undefined> {
  const row = await db
    .selectFrom('api_keys as k')
    .innerJoin('organization_members as m', (join) => join.onRef('m.organization_id', '=', 'k.organization_id').onRef('m.user_id', '=', 'k.created_by'))
    .innerJoin('organizations as o', 'o.id', 'k.organization_id')
    .select(['k.id', 'k.organization_id', 'k.application_id', 'k.created_by', 'k.scopes', 'k.expires_at', 'm.role', 'o.api_version'])
    .where('k.key_hash', '=', keyHash)
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

/** Remembers that a key was used at `now`, unless it is known to have been used since `staleBefore`. */
export async function saveKeyUse(db: Db, keyId: string, { now, staleBefore }: { now: Date; staleBefore: Date }): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ last_used_at: now })
    .where('id', '=', keyId)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', staleBefore)]))
    .execute()
}

export async function findMembershipRow(db: Db, userId: string, organizationId: string): Promise<MembershipRow | undefined> {
  const row = await db
    .selectFrom('organization_members as m')
    .innerJoin('organizations as o', 'o.id', 'm.organization_id')
    .select(['m.organization_id', 'm.role', 'o.api_version'])
    .where('m.user_id', '=', userId)
    .where('m.organization_id', '=', organizationId)
    .executeTakeFirst()
  return row === undefined ? undefined : { organizationId: row.organization_id, role: row.role, apiVersion: row.api_version }
}

export async function findApplicationOrganization(db: Db, applicationId: string): Promise<string | undefined> {
  const row = await db.selectFrom('applications').select('organization_id').where('id', '=', applicationId).executeTakeFirst()
  return row?.organization_id
}

export async function endUserExists(db: Db, applicationId: string, endUserId: string): Promise<boolean> {
  const row = await db.selectFrom('end_users').select('id').where('application_id', '=', applicationId).where('id', '=', endUserId).executeTakeFirst()
  return row !== undefined
}
