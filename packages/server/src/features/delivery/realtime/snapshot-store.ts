import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { parseSnapshot, type Snapshot } from './position.ts'

/** Which transactions have ended by now. */
export async function findSnapshot(db: Db): Promise<Snapshot> {
  const result = await sql<{ snapshot: string }>`select pg_current_snapshot()::text as snapshot`.execute(db)
  return parseSnapshot(result.rows[0]?.snapshot ?? '')
}
