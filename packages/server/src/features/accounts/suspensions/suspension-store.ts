import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'

/** Why and since when an organization or a user is suspended. */
export interface Suspension {
  readonly reason: string
  readonly suspendedAt: Date
}

export interface NewSuspension {
  readonly reason: string
  /** Wire id of the administrator. */
  readonly suspendedBy: string
}

/** Suspends an organization; the reason of an earlier suspension is replaced. */
export async function insertOrganizationSuspension(
  tx: Tx,
  organizationId: string,
  { reason, suspendedBy }: NewSuspension,
): Promise<void> {
  await tx
    .insertInto('organization_suspensions')
    .values({ organization_id: organizationId, reason, suspended_by: suspendedBy })
    .onConflict((conflict) => conflict.column('organization_id').doUpdateSet({ reason, suspended_by: suspendedBy }))
    .execute()
}

/** False if the organization was not suspended. */
export async function deleteOrganizationSuspension(tx: Tx, organizationId: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('organization_suspensions')
    .where('organization_id', '=', organizationId)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** Suspends a user; the reason of an earlier suspension is replaced. The user must be locked `for update`. */
export async function insertUserSuspension(
  tx: Tx,
  userId: string,
  { reason, suspendedBy }: NewSuspension,
): Promise<void> {
  await tx
    .insertInto('user_suspensions')
    .values({ user_id: userId, reason, suspended_by: suspendedBy })
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ reason, suspended_by: suspendedBy }))
    .execute()
}

/** False if the user was not suspended. */
export async function deleteUserSuspension(tx: Tx, userId: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('user_suspensions')
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

export async function findOrganizationSuspension(db: Db, organizationId: string): Promise<Suspension | undefined> {
  return db
    .selectFrom('organization_suspensions')
    .select(['reason', 'suspended_at as suspendedAt'])
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
}

export async function findUserSuspension(db: Db, userId: string): Promise<Suspension | undefined> {
  return db
    .selectFrom('user_suspensions')
    .select(['reason', 'suspended_at as suspendedAt'])
    .where('user_id', '=', userId)
    .executeTakeFirst()
}

/** Suspensions of organizations, to be joined. */
export function organizationSuspensions(db: Db) {
  return db.selectFrom('organization_suspensions').select(['organization_id', 'reason', 'suspended_at'])
}

/** Suspensions of users, to be joined. */
export function userSuspensions(db: Db) {
  return db.selectFrom('user_suspensions').select(['user_id', 'reason', 'suspended_at'])
}

/** Selects a row if the organization is suspended. */
export function suspensionOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select from organization_suspensions as suspension where suspension.organization_id = ${organizationId}`
}

/** Selects a row if the user is suspended. */
export function suspensionOfUser(userId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from user_suspensions as suspension where suspension.user_id = ${userId}`
}

/** Removes the suspension of a deleted organization. */
export const removeSuspensions: RemovalStatement = (organizationId, limit) => sql`
  delete from organization_suspensions where ctid = any(array(
    select ctid from organization_suspensions where organization_id = ${organizationId} limit ${limit}))`
