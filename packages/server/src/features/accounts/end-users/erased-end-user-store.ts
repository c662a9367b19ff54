import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'

/** Marks a locked end-user as being erased, and removes what the row says about them. */
export async function markErased(tx: Tx, { applicationId, endUserId }: ErasedEndUser, now: Date): Promise<void> {
  await sql`
    update end_users set erased_at = ${now}, name = null, email = null, external_id = null, metadata = '{}'
    where application_id = ${applicationId} and id = ${endUserId}`.execute(tx)
}

/** The end-users that are being erased. Unscoped: of all organizations. */
export async function findErased(db: Db, limit: number): Promise<ErasedEndUser[]> {
  const { rows } = await sql<ErasedEndUser>`
    select organization_id as "organizationId", application_id as "applicationId", id as "endUserId"
    from end_users where erased_at is not null order by application_id, id limit ${limit}`.execute(db)
  return rows
}

/**
 * Locks an end-user who is being erased until the transaction ends. False if everything was erased, or if another
 * process holds them and `waits` is false.
 */
export async function lockErased(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
  { waits }: { readonly waits: boolean },
): Promise<boolean> {
  // Rows that refer to the end-user can still be inserted by a transaction that began before.
  const { rows } = await sql`
    select from end_users where application_id = ${applicationId} and id = ${endUserId} and erased_at is not null
    for no key update ${waits ? sql`` : sql`skip locked`}`.execute(tx)
  return rows.length > 0
}

/** Waits for transactions that insert rows which refer to a locked end-user, and keeps others from inserting some. */
export async function refuseReferences(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<void> {
  await sql`
    select from end_users where application_id = ${applicationId} and id = ${endUserId} for update`.execute(tx)
}

/** Deletes the row of a locked end-user of whom everything else was erased. */
export async function deleteErased(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<void> {
  await sql`
    delete from end_users
    where application_id = ${applicationId} and id = ${endUserId} and erased_at is not null`.execute(tx)
}

/** Whether an end-user is being erased. */
export async function isBeingErased(db: Db, { applicationId, endUserId }: ErasedEndUser): Promise<boolean> {
  const { rows } = await sql`
    select from end_users
    where application_id = ${applicationId} and id = ${endUserId} and erased_at is not null`.execute(db)
  return rows.length > 0
}
