import type { Db } from '../../../platform/db/database.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import type { RunLog } from './run-wire.ts'

/** A run's log, oldest first. The caller has checked that the run is visible. */
export async function listRunLogs(
  db: Db,
  runId: string,
  { page, afterSeq }: { page: Page; afterSeq: number | undefined },
): Promise<Slice<RunLog>> {
  const matching = db.selectFrom('run_events').where('run_id', '=', runId).where('kind', '=', 'run_log')
  const rows = await matching
    .select(['id', 'run_id', 'seq', 'type', 'level', 'event', 'message', 'data', 'created_at'])
    .$if(afterSeq !== undefined, (query) => query.where('seq', '>', afterSeq ?? 0))
    .orderBy('seq')
    .limit(page.pageSize + 1)
    .offset(afterSeq === undefined ? offsetOf(page) : 0)
    .execute()
  const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const items = rows
    .slice(0, page.pageSize)
    .map(({ run_id: id, created_at: createdAt, ...row }) => ({ ...row, runId: id, createdAt }))
  const last = items.at(-1)
  return { items, total, nextCursor: rows.length > page.pageSize && last !== undefined ? String(last.seq) : null }
}
