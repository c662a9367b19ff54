import { sql } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'
import { loadPage, type RequestedPage, type Slice } from '../../../../platform/lists/load-page.ts'
import { fitContents } from '../../../../platform/lists/postgres-contents.ts'
import { tableList } from '../../../../platform/lists/postgres-list.ts'
import type { RunLog } from '../run-wire.ts'

/** An entry with its message and data, or one whose page had no room for them. */
export type ListedLog = RunLog | (Omit<RunLog, 'message' | 'data'> & { readonly contentOmitted: true })

/** A run's log, oldest first. The caller must have checked that the run is visible. */
export async function loadRunLogs(
  db: Db,
  runId: string,
  page: RequestedPage<number>,
): Promise<Slice<ListedLog, number>> {
  const matching = db.selectFrom('run_events').where('run_id', '=', runId).where('kind', '=', 'run_log')
  const list = tableList(db, {
    rows: matching.select(['id', 'run_id as runId', 'seq', 'type', 'level', 'event', 'created_at as createdAt']),
    matching,
    order: { columns: ['seq'], direction: 'asc', valuesOf: (seq: number) => [seq] },
    keyOf: ({ seq }) => seq,
  })
  const slice = await fitContents(db, await loadPage(list, page), {
    page,
    contents: {
      keyOf: ({ seq }) => seq,
      keyType: 'bigint',
      sizeOf: (seq) => sql`
        select coalesce(octet_length(e.data::text), 0) + coalesce(octet_length(e.message), 0)
        from run_events e where e.run_id = ${runId} and e.seq = ${seq}`,
    },
  })
  const shown = await matching
    .select(['seq', 'message', 'data'])
    .where('seq', '=', sql<number>`any(${slice.items.slice(0, slice.fitting).map(({ seq }) => seq)}::bigint[])`)
    .execute()
  const contents = new Map(shown.map(({ seq, ...content }) => [seq, content]))
  return {
    ...slice,
    items: slice.items.map((entry) => ({ ...entry, ...(contents.get(entry.seq) ?? { contentOmitted: true }) })),
  }
}
