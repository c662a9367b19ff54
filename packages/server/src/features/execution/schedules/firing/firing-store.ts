import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import { toJsonText } from '../../../../platform/db/json-text.ts'
import { isLiveApplication } from '../../../accounts/applications/index.ts'
import { holdEndUsers, isNotErased } from '../../../accounts/end-users/index.ts'
import { holdApplications } from '../../../accounts/organizations/index.ts'
import { suspensionOf } from '../../../accounts/suspensions/index.ts'
import type { FireOutcome, Schedule } from '../schedule.ts'
import { fireChanges } from '../schedule.ts'
import { scheduleColumns, toSchedule } from '../schedule-store.ts'

// Unscoped: background work has no request scope. These statements span tenants; every row carries its own tenant.

/** A due schedule, as it was at `rowVersion`. */
export interface DueSchedule extends Schedule {
  /** Differs once the schedule was changed or fired. */
  readonly rowVersion: string
  /** The nominal time of the queued fire. */
  readonly queuedFor: Date | null
  /** The nominal time of the fire that waited until its organization may start more runs. */
  readonly heldFor: Date | null
  /** The organization is suspended: the schedule does not fire, as if it were disabled. */
  readonly isSuspended: boolean
}

/** A due schedule, before it is loaded. */
export interface DueId {
  readonly id: string
  readonly organizationId: string
}

/** A schedule of a deleted application, or of an end-user who is being erased, does not fire. */
const fires = sql<boolean>`(
  ${isLiveApplication(sql.ref('schedules.application_id'))} and ${isNotErased(sql.ref('schedules.end_user_id'))})`

/** The due schedules, longest overdue first; those that waited for the same moment in the order of their fires. */
export async function findDueIds(db: Db, { now, limit }: { now: Date; limit: number }): Promise<DueId[]> {
  return db
    .selectFrom('schedules')
    .select(['id', 'organization_id as organizationId'])
    .where('due_at', '<=', now)
    .where(fires)
    .orderBy('due_at')
    .orderBy('next_run_at')
    .orderBy('id')
    .limit(limit)
    .execute()
}

/**
 * Lets everything that is due of an organization wait until a later time; returns how many schedules. Skips those that
 * another process fires or holds back at this moment.
 */
export async function holdBack(
  db: Db,
  { organizationId, now, until }: { organizationId: string; now: Date; until: Date },
): Promise<number> {
  const { numAffectedRows } = await sql`
    update schedules set due_at = ${until}, held_for = next_run_at where id in (
      select id from schedules where organization_id = ${organizationId} and due_at <= ${now}
      for no key update skip locked)`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/** When the next schedule is due. */
export async function findNextDueAt(db: Db): Promise<Date | null> {
  const row = await db
    .selectFrom('schedules')
    .select('due_at')
    .where('due_at', 'is not', null)
    .where(fires)
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  return row?.due_at ?? null
}

/** Loads the given schedules that are still due. */
export async function loadDue(db: Db, { ids, now }: { ids: readonly string[]; now: Date }): Promise<DueSchedule[]> {
  const rows = await db
    .selectFrom('schedules as s')
    .select(scheduleColumns)
    .select('s.held_for')
    .select(sql<string>`s.xmin::text`.as('row_version'))
    .select((eb) =>
      eb
        .selectFrom('schedule_fires as f')
        .select('f.scheduled_for')
        .whereRef('f.schedule_id', '=', 's.id')
        .where('f.outcome', '=', 'queued')
        .as('queued_for'),
    )
    .select(sql<boolean>`exists (${suspensionOf(sql.ref('s.organization_id'))})`.as('is_suspended'))
    .where(sql<boolean>`s.id = any(${ids}::uuid[])`)
    .where('s.due_at', '<=', now)
    .execute()
  // The name is not needed: runs take it from the agent itself.
  return rows.map((row) => ({
    ...toSchedule({ ...row, agent_name: '' }),
    rowVersion: row.row_version,
    queuedFor: row.queued_for,
    heldFor: row.held_for,
    isSuspended: row.is_suspended,
  }))
}

/**
 * Protects the owners of the schedules from deletion in this transaction. Must be the first lock, as in a deletion of
 * an owner: locking a schedule before its owner could deadlock. Owners that were deleted already are ignored.
 */
export async function holdOwners(tx: Tx, schedules: readonly DueSchedule[]): Promise<void> {
  await holdApplications(
    tx,
    schedules.map(({ applicationId }) => applicationId),
  )
  await holdEndUsers(
    tx,
    schedules.flatMap(({ endUserId }) => (endUserId === null ? [] : [endUserId])),
  )
}

/**
 * Locks the schedules that are unchanged since they were loaded; returns their ids. Skips locked ones, and those of
 * deleted applications and of end-users who are being erased.
 */
export async function lockUntouched(tx: Tx, schedules: readonly DueSchedule[]): Promise<Set<string>> {
  const versions = toJsonText(schedules.map(({ id, rowVersion }) => ({ id, version: rowVersion })))
  const { rows } = await sql<{ id: string }>`
    select s.id
    from schedules s
    join jsonb_to_recordset(${versions}::jsonb) as v(id uuid, version text) on s.id = v.id and s.xmin::text = v.version
    where ${isLiveApplication(sql.ref('s.application_id'))} and ${isNotErased(sql.ref('s.end_user_id'))}
    order by s.id for no key update of s skip locked`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}

export interface NewFire {
  readonly schedule: Pick<Schedule, 'id' | 'applicationId'>
  readonly scheduledFor: Date
  readonly through: Date | null
  readonly outcome: FireOutcome
  readonly runId: string | null
}

/** Inserts the outcomes of fires; replaces the entry of a queued fire. */
export async function saveFires(tx: Tx, fires: readonly NewFire[], now: Date): Promise<void> {
  if (fires.length === 0) return
  await tx
    .insertInto('schedule_fires')
    .values(
      fires.map(({ schedule, scheduledFor, through, outcome, runId }) => ({
        application_id: schedule.applicationId,
        schedule_id: schedule.id,
        scheduled_for: scheduledFor,
        through,
        outcome,
        run_id: runId,
        fired_at: now,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['schedule_id', 'scheduled_for'])
        .doUpdateSet((eb) => ({
          outcome: eb.ref('excluded.outcome'),
          run_id: eb.ref('excluded.run_id'),
          fired_at: eb.ref('excluded.fired_at'),
        }))
        .where(
          // One row of each change that the table of outcomes allows.
          sql<boolean>`(schedule_fires.outcome, excluded.outcome) in
            (select * from unnest(${fireChanges.from}::text[], ${fireChanges.to}::text[]))`,
        ),
    )
    .execute()
}

export interface Advance {
  readonly id: string
  readonly nextRunAt: Date | null
  readonly dueAt: Date | null
  /** True when a run was created. */
  readonly hasRun: boolean
  readonly isDisabled: boolean
}

/** Sets the next fires of locked schedules. */
export async function saveAdvances(tx: Tx, advances: readonly Advance[], now: Date): Promise<void> {
  const rows = toJsonText(
    advances.map(({ id, nextRunAt, dueAt, hasRun, isDisabled }) => ({
      id,
      next: nextRunAt,
      due: dueAt,
      ran: hasRun,
      off: isDisabled,
    })),
  )
  await sql`
    update schedules s set next_run_at = a.next, due_at = a.due, held_for = null,
      last_run_at = case when a.ran then ${now}::timestamptz else s.last_run_at end,
      enabled = s.enabled and not a.off,
      updated_at = case when a.off then ${now}::timestamptz else s.updated_at end
    from jsonb_to_recordset(${rows}::jsonb) as a(id uuid, next timestamptz, due timestamptz, ran boolean, off boolean)
    where s.id = a.id`.execute(tx)
}

/** Postpones a schedule that failed, so that it does not block the others. */
export async function postpone(db: Db, id: string, until: Date): Promise<void> {
  await db
    .updateTable('schedules')
    .set({ due_at: until })
    .where('id', '=', id)
    .where('due_at', 'is not', null)
    .execute()
}

/** Makes the given schedules that have a queued fire due at once. */
export async function makeQueuedDue(tx: Tx, scheduleIds: readonly string[]): Promise<void> {
  await tx
    .updateTable('schedules as s')
    .set({ due_at: sql<Date>`least(s.due_at, s.created_at)` })
    .where(sql<boolean>`s.id = any(${scheduleIds}::uuid[])`)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('schedule_fires as f')
          .select('f.schedule_id')
          .whereRef('f.schedule_id', '=', 's.id')
          .where('f.outcome', '=', 'queued'),
      ),
    )
    .execute()
}
