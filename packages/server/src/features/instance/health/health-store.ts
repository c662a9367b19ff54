import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'

/** Throws when the database does not answer. Returns whether it accepts changes. */
export async function isDatabaseWritable(db: Db): Promise<boolean> {
  const { rows } = await sql<{ is_writable: boolean }>`
    select current_setting('transaction_read_only') = 'off' as is_writable`.execute(db)
  return rows[0]?.is_writable === true
}
