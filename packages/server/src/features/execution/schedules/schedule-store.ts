import { sql, type ExpressionBuilder, type RawBuilder } from 'kysely'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import type { DB } from '../../../platform/db/schema.generated.ts'
import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { serializeInApplication } from '../../accounts/applications/index.ts'
import { isNotErased } from '../../accounts/end-users/index.ts'
import { agentNames } from '../../catalog/agents/index.ts'
import type { JsonRecord } from '../runs/index.ts'
import {
  schedulesMax,
  type Schedule,
  type ScheduleContent,
  type ScheduleSettings,
  type ScheduleSummary,
} from './schedule.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

/** When a schedule fires next; both null while it is disabled. */
export interface NextFire {
  readonly nextRunAt: Date | null
  readonly dueAt: Date | null
}

export interface NewSchedule {
  readonly id: string
  readonly agentId: string
  readonly userId: string | null
  readonly settings: ScheduleSettings
  readonly next: NextFire
  readonly now: Date
}

/** Serialized per application, so that the limit holds. Undefined when the application has `schedulesMax` schedules. */
export async function insertSchedule(
  tx: Tx,
  scope: AppScope,
  { id, agentId, userId, settings, next, now }: NewSchedule,
): Promise<Schedule | undefined> {
  await serializeInApplication(tx, scope)
  const { total } = await tx
    .selectFrom('schedules')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('application_id', '=', scope.applicationId)
    .executeTakeFirstOrThrow()
  if (total >= schedulesMax) return undefined
  await tx
    .insertInto('schedules')
    .values({
      id,
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      end_user_id: scope.endUserId,
      user_id: userId,
      agent_id: agentId,
      ...columnsOf(settings, next),
      created_at: now,
      updated_at: now,
    })
    .execute()
  return reloadSchedule(tx, scope, id)
}

/** The schedule; undefined when it does not exist, and for another end-user's schedule. */
export async function findSchedule(db: Db, scope: AppScope, id: string): Promise<Schedule | undefined> {
  const row = await select(db, scope).where('s.id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toSchedule(row)
}

/** Locks the schedule against changes and fires until the transaction ends; undefined as for `findSchedule`. */
export async function lockSchedule(tx: Tx, scope: AppScope, id: string): Promise<Schedule | undefined> {
  const row = await select(tx, scope).where('s.id', '=', id).forNoKeyUpdate('s').executeTakeFirst()
  return row === undefined ? undefined : toSchedule(row)
}

/** Changes a locked schedule. */
export async function saveSchedule(
  tx: Tx,
  scope: AppScope,
  about: { id: string; settings: ScheduleSettings; next: NextFire; now: Date },
): Promise<Schedule> {
  await tx
    .updateTable('schedules as s')
    .set({ ...columnsOf(about.settings, about.next), updated_at: about.now })
    .where(visibleTo(scope))
    .where('s.id', '=', about.id)
    .execute()
  return reloadSchedule(tx, scope, about.id)
}

/** Deletes a locked schedule and the history of its fires; its runs are kept. */
export async function deleteScheduleRow(tx: Tx, scope: AppScope, id: string): Promise<void> {
  await tx.deleteFrom('schedules as s').where(visibleTo(scope)).where('s.id', '=', id).execute()
}

/** Records that a locked schedule was run manually. */
export async function saveLastRun(tx: Tx, scope: AppScope, { id, now }: { id: string; now: Date }): Promise<void> {
  await tx
    .updateTable('schedules as s')
    .set({ last_run_at: now })
    .where(visibleTo(scope))
    .where('s.id', '=', id)
    .execute()
}

async function reloadSchedule(tx: Tx, scope: AppScope, id: string): Promise<Schedule> {
  return toSchedule(await select(tx, scope).where('s.id', '=', id).executeTakeFirstOrThrow())
}

/** Detaches the schedules that a user created: they belong to the application, and continue to run. */
export async function detachSchedules(tx: Tx, scope: OrgScope, { userId }: { readonly userId: string }): Promise<void> {
  await tx
    .updateTable('schedules')
    .set({ user_id: null })
    .where('user_id', '=', userId)
    .where('organization_id', '=', scope.organizationId)
    .execute()
}

/** Selects a row for each schedule of an application. */
export function schedulesOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from schedules where application_id = ${applicationId}`
}

function columnsOf(settings: ScheduleSettings, { nextRunAt, dueAt }: NextFire) {
  return {
    name: settings.name === null ? null : toColumnText(settings.name),
    enabled: settings.enabled,
    cron: settings.cronExpression,
    timezone: settings.timezone,
    input: toJsonText(settings.input),
    config: toJsonText(settings.config),
    model_id: settings.modelId,
    version: settings.version,
    budget_usd: settings.budgetUsd,
    missed_fires: settings.missedFires,
    overlap: settings.overlap,
    jitter_seconds: settings.jitterSeconds,
    next_run_at: nextRunAt,
    due_at: dueAt,
  }
}

/** The condition that a row of `schedules as s` is in the scope. */
export function visibleTo(scope: AppScope) {
  return (eb: ExpressionBuilder<DB & { s: DB['schedules'] }, 's'>) =>
    eb.and([
      eb('s.organization_id', '=', scope.organizationId),
      eb('s.application_id', '=', scope.applicationId),
      isNotErased(sql.ref('s.end_user_id')),
      ...(scope.endUserId === null ? [] : [eb('s.end_user_id', '=', scope.endUserId)]),
    ])
}

/** The columns of `schedules as s` that lists read: none of them can be large. */
export const scheduleSummaryColumns = [
  's.id',
  's.organization_id',
  's.application_id',
  's.end_user_id',
  's.user_id',
  's.agent_id',
  's.name',
  's.enabled',
  's.cron',
  's.timezone',
  's.model_id',
  's.version',
  's.budget_usd',
  's.missed_fires',
  's.overlap',
  's.jitter_seconds',
  's.next_run_at',
  's.last_run_at',
  's.created_at',
  's.updated_at',
] as const

/** The columns of `schedules as s` that form a schedule, except its agent's name. */
export const scheduleColumns = [...scheduleSummaryColumns, 's.input', 's.config'] as const

function select(db: Db, scope: AppScope) {
  return db
    .selectFrom('schedules as s')
    .innerJoin(agentNames(db).as('agent'), 'agent.id', 's.agent_id')
    .select(scheduleColumns)
    .select('agent.name as agent_name')
    .where((eb) => visibleTo(scope)(eb))
}

export type ScheduleRow = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>

/** The schedule of a row. Throws an Error when a column holds a value that this program never writes. */
export function toSchedule(row: ScheduleRow): Schedule {
  return { ...toScheduleSummary(row), input: parseRecord(row.input), config: parseRecord(row.config) }
}

/** The schedule of a row without its contents. */
export function toScheduleSummary(row: Omit<ScheduleRow, ScheduleContent>): ScheduleSummary {
  return {
    id: row.id,
    organizationId: row.organization_id,
    applicationId: row.application_id,
    endUserId: row.end_user_id,
    userId: row.user_id,
    agentId: row.agent_id,
    agentName: row.agent_name,
    name: row.name,
    enabled: row.enabled,
    cronExpression: row.cron,
    timezone: row.timezone,
    modelId: row.model_id,
    version: row.version,
    budgetUsd: row.budget_usd,
    missedFires: row.missed_fires,
    overlap: row.overlap,
    jitterSeconds: row.jitter_seconds,
    nextRunAt: row.next_run_at,
    lastRunAt: row.last_run_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

const recordOf = Compile(Type.Record(Type.String(), Type.Unknown()))

/** Throws an Error for a value that this program never writes into a column with content. */
export function parseRecord(value: unknown): JsonRecord {
  if (recordOf.Check(value)) return value
  throw new Error('A schedule has a damaged JSON column.')
}

/** Removes schedules of a deleted application. */
export const removeSchedules = removalFrom('schedules', 'application_id')

/** Whether the schedule with this stored id is still there. */
export const isScheduleKept = keptIn('schedules')
