import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { parseSnapshot, type Beginning } from './position.ts'

/** What there is now. */
export async function findBeginning(db: Db, applicationId: string): Promise<Beginning> {
  // The statement's snapshot is taken before the function runs, so every visible event has a position up to `last`.
  const result = await sql<{ snapshot: string; last: number }>`
    select pg_current_snapshot()::text as snapshot, last from event_horizons(array[${applicationId}::uuid])`.execute(db)
  const [row] = result.rows
  if (row === undefined) throw new Error('The database returned no snapshot.')
  return { snapshot: parseSnapshot(row.snapshot), last: row.last }
}
