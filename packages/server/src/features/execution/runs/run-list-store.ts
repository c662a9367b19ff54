import { sql, type RawBuilder } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { Contents } from '../../../platform/lists/postgres-contents.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { runSummaryColumns, toRunContents, toStoredRunSummary } from './run-row.ts'
import { visibleTo } from './run-store.ts'
import type { RunContent, RunStatus, StoredRun, StoredRunSummary } from './run.ts'

export interface RunFilters {
  readonly agentId?: string
  readonly status?: RunStatus
  readonly scheduleId?: string
}

/** A page of runs without their contents, newest first. */
export async function loadRuns(
  db: Db,
  scope: AppScope,
  { page, filters }: { page: Page; filters: RunFilters },
): Promise<Slice<StoredRunSummary>> {
  const { agentId, status, scheduleId } = filters
  let matching = db.selectFrom('runs').where(visibleTo(scope))
  if (agentId !== undefined) matching = matching.where('agent_id', '=', agentId)
  if (status !== undefined) matching = matching.where('status', '=', status)
  if (scheduleId !== undefined) matching = matching.where('schedule_id', '=', scheduleId)
  const list = { rows: matching.select(runSummaryColumns), matching }
  return mapSlice(await loadNewest(db, list, page), toStoredRunSummary)
}

/** How much of the fields of runs a page may show. */
export function runContents(fields: readonly RunContent[]): Contents<{ readonly id: string }, string> {
  const bytes = sql.join(
    fields.map((field) => sql`coalesce(octet_length(${sql.ref(field)}::text), 0)`),
    sql` + `,
  )
  return {
    keyOf: ({ id }) => id,
    keyType: 'uuid',
    sizeOf: (id: RawBuilder<unknown>) => sql`select ${bytes} from runs where runs.id = ${id}`,
  }
}

/** The named fields of runs that a list has found, as they are stored, by the run's id. */
export async function loadRunContents(
  db: Db,
  { ids, fields }: { readonly ids: readonly string[]; readonly fields: readonly RunContent[] },
): Promise<Map<string, Partial<Pick<StoredRun, RunContent>>>> {
  if (ids.length === 0 || fields.length === 0) return new Map()
  const rows = await db
    .selectFrom('runs')
    .select(['id', ...fields])
    .where('id', '=', sql<string>`any(${ids}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, toRunContents(row)]))
}
