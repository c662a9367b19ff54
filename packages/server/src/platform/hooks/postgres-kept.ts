import { sql } from 'kysely'
import type { Db } from '../db/database.ts'

/** Whether the thing with this stored id still exists, with its content. */
export type IsKept = (db: Db, id: string) => Promise<boolean>

/**
 * Asks whether the table has a row with the id that also meets the condition, such as that it is not marked as deleted.
 * Callers pass the table as a literal, because the test of the tables' owners reads it from there.
 */
export function keptIn(table: string, condition = sql<boolean>`true`): IsKept {
  return async (db, id) => {
    const { rows } = await sql`select from ${sql.id(table)} where id = ${id} and ${condition}`.execute(db)
    return rows.length > 0
  }
}
