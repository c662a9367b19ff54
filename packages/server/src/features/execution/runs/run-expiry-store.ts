import { sql } from 'kysely'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { ExpiryHook, Expiring } from '../../../platform/hooks/hooks.ts'
import { hasBlock } from '../../../platform/hooks/postgres-counts.ts'
import { deleteFilesMadeBy, filesMadeBy, removeBlobs } from '../files/index.ts'
import { terminalStatuses } from './run.ts'

/** Each may have several files, inputs and notifications, which are deleted with it. */
const batchRunsMax = 50

/** Deletes old runs that have ended, with their journals and output files. A long journal takes several batches. */
export const expireRuns: ExpiryHook = async (tx, expiring) => {
  const runIds = await lockExpiredRuns(tx, expiring, batchRunsMax)
  if (runIds.length === 0) return { rows: 0, deleted: {} }
  const events = await deleteSomeEvents(tx, runIds, expiring.limit)
  if (events === expiring.limit) return { rows: events, deleted: {} }
  const fileIds = await deleteFilesMadeBy(tx, runIds)
  await deleteLockedRuns(tx, runIds)
  return {
    rows: events + fileIds.length + runIds.length,
    deleted: { runs: runIds.length, files: fileIds.length },
    afterCommit: (after) => removeBlobs(after, fileIds),
  }
}

/** Locks the oldest runs that ended before the time and have no file in use; returns their ids. */
async function lockExpiredRuns(tx: Tx, { applicationId, before, hooks }: Expiring, runsMax: number): Promise<string[]> {
  const hasUsedFile = hasBlock(
    Object.values(hooks.blocksOf('file')),
    (rows) => sql`
      select from (${filesMadeBy(sql.ref('r.id'))}) as made
      cross join lateral (${rows(sql.ref('made.id'))} limit 1) as found`,
  )
  // A run's id holds the time of its creation, so the index on ids finds the oldest runs.
  const { rows } = await sql<{ id: string }>`
    select r.id from runs r
    where r.application_id = ${applicationId} and r.id < ${firstEntryIdAt(before)} and r.completed_at < ${before}
      and r.status = any(${terminalStatuses}::text[]) and not ${hasUsedFile}
    order by r.id limit ${runsMax} for update of r skip locked`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes at most `limit` journal entries of locked runs; returns how many. */
async function deleteSomeEvents(tx: Tx, runIds: readonly string[], limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from run_events where ctid = any(array(
      select e.ctid from unnest(${runIds}::uuid[]) as run(id)
      cross join lateral (select ctid from run_events where run_id = run.id limit ${limit}) e limit ${limit}))`.execute(
    tx,
  )
  return Number(numAffectedRows ?? 0n)
}

/** Deletes locked runs, whose journals and files were deleted. */
async function deleteLockedRuns(tx: Tx, runIds: readonly string[]): Promise<void> {
  await sql`delete from runs where id = any(${runIds}::uuid[])`.execute(tx)
}
