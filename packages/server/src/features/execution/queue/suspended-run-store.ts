import { sql } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { organizationSuspensions } from '../../accounts/suspensions/index.ts'
import { runColumns, toRun, type StoredRun } from '../runs/index.ts'

/** Locks up to `max` running runs of suspended organizations. Skips runs that another transaction is changing. */
export async function lockRunningRunsOfSuspended(tx: Tx, max: number): Promise<StoredRun[]> {
  const rows = await tx
    .selectFrom('runs')
    .select(runColumns)
    .where('status', '=', 'running')
    .where('organization_id', 'in', sql<string>`(select organization_id from ${organizationSuspensions(tx)} s)`)
    .limit(max)
    .forNoKeyUpdate()
    .skipLocked()
    .execute()
  return rows.map(toRun)
}
