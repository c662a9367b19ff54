import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { loadPage, mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { tableList } from '../../../platform/lists/postgres-list.ts'
import { outcomesBefore, type Fire } from './schedule.ts'

/** The history of a schedule's fires, latest first. The caller has checked that the schedule is in the scope. */
export async function loadFires(
  db: Db,
  scope: AppScope,
  { scheduleId, page }: { scheduleId: string; page: Page<Date> },
): Promise<Slice<Fire, Date>> {
  const matching = db
    .selectFrom('schedule_fires')
    .where('application_id', '=', scope.applicationId)
    .where('schedule_id', '=', scheduleId)
  const list = tableList(db, {
    rows: matching.select(['scheduled_for', 'through', 'outcome', 'run_id', 'fired_at']),
    matching,
    order: { columns: ['scheduled_for'], direction: 'desc', valuesOf: (scheduledFor: Date) => [scheduledFor] },
    keyOf: (row) => row.scheduled_for,
  })
  return mapSlice(await loadPage(list, page), (row) => ({
    scheduledFor: row.scheduled_for,
    through: row.through,
    outcome: row.outcome,
    runId: row.run_id,
    firedAt: row.fired_at,
  }))
}

/** The last nominal time that was handled: a changed expression must not fire it again. */
export async function findLastFire(db: Db, scope: AppScope, scheduleId: string): Promise<Date | null> {
  const row = await db
    .selectFrom('schedule_fires')
    .select(sql<Date>`coalesce(through, scheduled_for)`.as('last'))
    .where('application_id', '=', scope.applicationId)
    .where('schedule_id', '=', scheduleId)
    .orderBy('scheduled_for', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.last ?? null
}

/** Cancels the queued fire, if there is one. */
export async function cancelQueuedFire(tx: Tx, scope: AppScope, scheduleId: string): Promise<void> {
  await tx
    .updateTable('schedule_fires')
    .set({ outcome: 'skipped-disabled' })
    .where('application_id', '=', scope.applicationId)
    .where('schedule_id', '=', scheduleId)
    .where('outcome', 'in', outcomesBefore('skipped-disabled'))
    .execute()
}

/** Deletes up to `limit` fires older than `before`, except queued ones; returns how many. */
export async function deleteFiresBefore(db: Db, { before, limit }: { before: Date; limit: number }): Promise<number> {
  const result = await sql`
    delete from schedule_fires where (schedule_id, scheduled_for) in (
      select schedule_id, scheduled_for from schedule_fires where fired_at < ${before} and outcome <> 'queued'
      order by fired_at limit ${limit} for update skip locked)`.execute(db)
  return Number(result.numAffectedRows ?? 0n)
}

/** Removes fires of the schedules of a deleted application. */
export const removeFires = removalFrom(
  'schedule_fires',
  'schedule_id',
  (applicationId) => sql`select id from schedules where application_id = ${applicationId}`,
)
