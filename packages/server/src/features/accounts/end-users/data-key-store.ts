import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'

export interface DataKeyOwner {
  readonly applicationId: string
  readonly endUserId: string
}

/** The sealed data keys of the given end-users, without those that have none. */
export async function findDataKeys(
  db: Db,
  applicationId: string,
  endUserIds: readonly string[],
): Promise<Map<string, string>> {
  if (endUserIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('end_user_keys')
    .select(['end_user_id', 'encrypted_key'])
    .where('application_id', '=', applicationId)
    .where(sql<boolean>`end_user_id = any(${endUserIds}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [row.end_user_id, row.encrypted_key]))
}

/** Stores a data key unless the end-user has one or is deleted. Read it afterwards: a concurrent call may have won. */
export async function insertDataKey(
  db: Db,
  { applicationId, endUserId }: DataKeyOwner,
  encryptedKey: string,
): Promise<void> {
  await sql`
    insert into end_user_keys (application_id, end_user_id, encrypted_key)
    select application_id, id, ${encryptedKey} from end_users
    where application_id = ${applicationId} and id = ${endUserId} and erased_at is null for key share
    on conflict (end_user_id) do nothing`.execute(db)
}

/** Destroys the key: content that it sealed can never be read again. */
export async function deleteDataKey(tx: Tx, { applicationId, endUserId }: DataKeyOwner): Promise<void> {
  await tx
    .deleteFrom('end_user_keys')
    .where('application_id', '=', applicationId)
    .where('end_user_id', '=', endUserId)
    .execute()
}

/** Removes data keys of a deleted application: what they encrypted cannot be read again. */
export const removeDataKeys = removalFrom('end_user_keys', 'application_id')
