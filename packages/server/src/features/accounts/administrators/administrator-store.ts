import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'

/** Whether the user administers the instance. */
export async function isAdministrator(db: Db, userId: string): Promise<boolean> {
  const row = await db.selectFrom('administrators').select('user_id').where('user_id', '=', userId).executeTakeFirst()
  return row !== undefined
}

/** Selects a row if the user administers the instance. */
export function administratorMark(userId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from administrators as administrator where administrator.user_id = ${userId}`
}

/** Makes the user an administrator. `grantedBy` is null for the first run and the command. False if they are one. */
export async function insertAdministrator(
  tx: Tx,
  { userId, grantedBy }: { readonly userId: string; readonly grantedBy: string | null },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('administrators')
    .values({ user_id: userId, granted_by: grantedBy })
    .onConflict((conflict) => conflict.column('user_id').doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

/** Locks all administrators until the transaction ends; returns their ids. */
export async function lockAdministrators(tx: Tx): Promise<ReadonlySet<string>> {
  const rows = await tx.selectFrom('administrators').select('user_id').orderBy('user_id').forUpdate().execute()
  return new Set(rows.map((row) => row.user_id))
}

/** Removes a locked administrator. */
export async function deleteAdministrator(tx: Tx, userId: string): Promise<void> {
  await tx.deleteFrom('administrators').where('user_id', '=', userId).execute()
}
