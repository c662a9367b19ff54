import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { runColumns, toRun } from './run-row.ts'
import { unfinishedStatuses, type StoredRun } from './run.ts'

/** The runs of a schedule, newest first. The caller has found the schedule in the scope. */
export async function loadRunsOfSchedule(
  db: Db,
  scope: AppScope,
  { scheduleId, page }: { scheduleId: string; page: Page },
): Promise<Slice<StoredRun>> {
  const all = db
    .selectFrom('runs')
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('schedule_id', '=', scheduleId)
  const rows = await all.select(runColumns).orderBy('id', 'desc').limit(page.pageSize).offset(offsetOf(page)).execute()
  const { total } = await all.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  return { items: rows.map(toRun), total }
}

/**
 * The unfinished runs of locked schedules, by schedule. Unscoped: schedules of all organizations fire together.
 * With `isHeld` the runs cannot end before the transaction does.
 */
export async function findUnfinishedRunsOfSchedules(
  tx: Tx,
  scheduleIds: readonly string[],
  { isHeld }: { isHeld: boolean },
): Promise<Map<string, string[]>> {
  const byId = new Map<string, string[]>()
  if (scheduleIds.length === 0) return byId
  const rows = await tx
    .selectFrom('runs')
    .select(['id', 'schedule_id'])
    .where('schedule_id', 'in', [...scheduleIds])
    .where('status', 'in', unfinishedStatuses)
    .orderBy('id')
    .$if(isHeld, (query) => query.forNoKeyUpdate())
    .execute()
  for (const { id, schedule_id } of rows)
    if (schedule_id !== null) byId.set(schedule_id, [...(byId.get(schedule_id) ?? []), id])
  return byId
}
