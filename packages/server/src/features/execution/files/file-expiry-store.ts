import { sql, type RawBuilder } from 'kysely'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Expiring } from '../../../platform/hooks/hooks.ts'
import { hasBlock } from '../../../platform/hooks/postgres-counts.ts'

/** Selects the id of each file that a run made. */
export function filesMadeBy(runId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select id from files where run_id = ${runId}`
}

/** Selects the id of the run that made a file. */
export function makerOf(fileId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select run_id from files where id = ${fileId}`
}

/** Deletes the rows of files that locked runs made; returns their ids. */
export async function deleteFilesMadeBy(tx: Tx, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    delete from files where run_id = any(${runIds}::uuid[]) returning id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes the rows of the oldest files that nothing uses; returns their ids. */
export async function deleteExpiredFiles(tx: Tx, { applicationId, before, limit, hooks }: Expiring): Promise<string[]> {
  const blocks = [...Object.values(hooks.blocksOf('file')), ...Object.values(hooks.blocksOf('expiring-file'))]
  // A file's id holds the time of its creation, so the index on ids finds the oldest files.
  const { rows } = await sql<{ id: string }>`
    delete from files where id in (
      select f.id from files f
      where f.application_id = ${applicationId} and f.id < ${firstEntryIdAt(before)} and f.created_at < ${before}
        and not ${hasBlock(blocks, (rows) => rows(sql.ref('f.id')))}
      order by f.id limit ${limit} for update of f skip locked)
    returning id`.execute(tx)
  return rows.map(({ id }) => id)
}
