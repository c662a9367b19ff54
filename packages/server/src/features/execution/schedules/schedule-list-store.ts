import { sql, type RawBuilder } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { Contents } from '../../../platform/lists/postgres-contents.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { agentNames } from '../../catalog/agents/index.ts'
import { parseRecord, scheduleSummaryColumns, toScheduleSummary, visibleTo } from './schedule-store.ts'
import type { Schedule, ScheduleContent, ScheduleSummary } from './schedule.ts'

export interface ScheduleFilters {
  readonly agentId?: string
  readonly enabled?: boolean
}

/** A page of schedules without their contents, newest first. */
export async function loadSchedules(
  db: Db,
  scope: AppScope,
  { page, filters }: { page: Page; filters: ScheduleFilters },
): Promise<Slice<ScheduleSummary>> {
  const { agentId, enabled } = filters
  let matching = db.selectFrom('schedules as s').where(visibleTo(scope))
  if (agentId !== undefined) matching = matching.where('s.agent_id', '=', agentId)
  if (enabled !== undefined) matching = matching.where('s.enabled', '=', enabled)
  const rows = matching
    .innerJoin(agentNames(db).as('agent'), 'agent.id', 's.agent_id')
    .select(scheduleSummaryColumns)
    .select('agent.name as agent_name')
  return mapSlice(await loadNewest(db, { rows, matching, idColumn: 's.id' }, page), toScheduleSummary)
}

/** The id of a schedule in the scope, without reading its contents; undefined as for `findSchedule`. */
export async function findScheduleId(db: Db, scope: AppScope, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('schedules as s')
    .select('s.id')
    .where('s.id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  return row?.id
}

/** How much of the fields of schedules a page may show. */
export function scheduleContents(fields: readonly ScheduleContent[]): Contents<{ readonly id: string }, string> {
  const bytes = sql.join(
    fields.map((field) => sql`octet_length(${sql.ref(field)}::text)`),
    sql` + `,
  )
  return {
    keyOf: ({ id }) => id,
    keyType: 'uuid',
    sizeOf: (id: RawBuilder<unknown>) => sql`select ${bytes} from schedules where schedules.id = ${id}`,
  }
}

/** The named fields of schedules that a list has found, as they are stored, by the schedule's id. */
export async function loadScheduleContents(
  db: Db,
  { ids, fields }: { readonly ids: readonly string[]; readonly fields: readonly ScheduleContent[] },
): Promise<Map<string, Partial<Pick<Schedule, ScheduleContent>>>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('schedules')
    .select(['id', ...fields])
    .where('id', '=', sql<string>`any(${ids}::uuid[])`)
    .execute()
  return new Map(
    rows.map(({ id, input, config }) => [
      id,
      {
        ...(fields.includes('input') ? { input: parseRecord(input) } : {}),
        ...(fields.includes('config') ? { config: parseRecord(config) } : {}),
      },
    ]),
  )
}
