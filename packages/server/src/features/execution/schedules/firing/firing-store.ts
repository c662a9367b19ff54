import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import { toJsonText } from '../../../../platform/db/json-text.ts'
import type { FireOutcome, Schedule } from '../schedule.ts'
import { scheduleColumns, toSchedule } from '../schedule-store.ts'

// What the server does by itself is in no request's scope: these statements span tenants, and every row carries its own.

/** A schedule to look at, as it was at `rowVersion`. */
export interface DueSchedule extends Schedule {
  /** Another one means that somebody has changed or fired it since. */
  readonly rowVersion: string
  /** The fire that waits for the run before it. */
  readonly queuedFor: Date | null
}

/** The schedules to look at, the longest due first. */
export async function findDueIds(db: Db, { now, limit }: { now: Date; limit: number }): Promise<string[]> {
  const rows = await db
    .selectFrom('schedules')
    .select('id')
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** When the next schedule is to be looked at. */
export async function findNextDueAt(db: Db): Promise<Date | null> {
  const row = await db
    .selectFrom('schedules')
    .select('due_at')
    .where('due_at', 'is not', null)
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  return row?.due_at ?? null
}

/** Those of the schedules that are still due. */
export async function loadDue(db: Db, { ids, now }: { ids: readonly string[]; now: Date }): Promise<DueSchedule[]> {
  const rows = await db
    .selectFrom('schedules as s')
    .select(scheduleColumns)
    .select(sql<string>`s.xmin::text`.as('row_version'))
    .select((eb) =>
      eb
        .selectFrom('schedule_fires as f')
        .select('f.scheduled_for')
        .whereRef('f.schedule_id', '=', 's.id')
        .where('f.outcome', '=', 'queued')
        .as('queued_for'),
    )
    .where('s.id', 'in', [...ids])
    .where('s.due_at', '<=', now)
    .execute()
  // The runs take the agent's name from the agent itself.
  return rows.map((row) => ({
    ...toSchedule({ ...row, agent_name: '' }),
    rowVersion: row.row_version,
    queuedFor: row.queued_for,
  }))
}

/**
 * Sees to it that whose schedules these are stay until the transaction ends. It comes before everything else, as in a deletion
 * of theirs: whoever locks the schedule first and its owner then could wait for each other. One that is gone is left out.
 */
export async function holdOwners(tx: Tx, schedules: readonly DueSchedule[]): Promise<void> {
  const applicationIds = schedules.map(({ applicationId }) => applicationId)
  await tx
    .selectFrom('organizations as o')
    .innerJoin('applications as a', 'a.organization_id', 'o.id')
    .select('a.id')
    .where('a.id', 'in', applicationIds)
    .orderBy('a.id')
    .forKeyShare(['o', 'a'])
    .execute()
  const endUserIds = schedules.flatMap(({ endUserId }) => (endUserId === null ? [] : [endUserId]))
  if (endUserIds.length > 0)
    await tx.selectFrom('end_users').select('id').where('id', 'in', endUserIds).orderBy('id').forKeyShare().execute()
}

/** Locks those of the schedules that nobody has touched since they were loaded; returns their ids. Never waits. */
export async function lockUntouched(tx: Tx, schedules: readonly DueSchedule[]): Promise<Set<string>> {
  const versions = toJsonText(schedules.map(({ id, rowVersion }) => ({ id, version: rowVersion })))
  const { rows } = await sql<{ id: string }>`
    select s.id from schedules s join jsonb_to_recordset(${versions}::jsonb) as v(id uuid, version text) on s.id = v.id and s.xmin::text = v.version
    order by s.id for no key update of s skip locked`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}

/** The runs of locked schedules that have not ended, by schedule. They can't end until the transaction does, when `isHeld`. */
export async function findActiveRuns(
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
    .where('status', 'in', ['pending', 'running', 'waiting'])
    .orderBy('id')
    .$if(isHeld, (query) => query.forNoKeyUpdate())
    .execute()
  for (const { id, schedule_id } of rows)
    if (schedule_id !== null) byId.set(schedule_id, [...(byId.get(schedule_id) ?? []), id])
  return byId
}

export interface NewFire {
  readonly schedule: Pick<Schedule, 'id' | 'applicationId'>
  readonly scheduledFor: Date
  readonly through: Date | null
  readonly outcome: FireOutcome
  readonly runId: string | null
}

/** Writes what became of fires. The one that waited is written over. */
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
        .where('schedule_fires.outcome', '=', 'queued'),
    )
    .execute()
}

export interface Advance {
  readonly id: string
  readonly nextRunAt: Date | null
  readonly dueAt: Date | null
  /** A run was written. */
  readonly hasRun: boolean
  readonly isDisabled: boolean
}

/** Moves locked schedules on to their next fires. */
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
    update schedules s set next_run_at = a.next, due_at = a.due, last_run_at = case when a.ran then ${now}::timestamptz else s.last_run_at end, enabled = s.enabled and not a.off,
      updated_at = case when a.off then ${now}::timestamptz else s.updated_at end
    from jsonb_to_recordset(${rows}::jsonb) as a(id uuid, next timestamptz, due timestamptz, ran boolean, off boolean)
    where s.id = a.id`.execute(tx)
}

/** Puts off a schedule that could not be dealt with, so that it does not hold up the others. */
export async function postpone(db: Db, id: string, until: Date): Promise<void> {
  await db
    .updateTable('schedules')
    .set({ due_at: until })
    .where('id', '=', id)
    .where('due_at', 'is not', null)
    .execute()
}

/** Makes those of the schedules due at once that have a fire waiting. */
export async function makeQueuedDue(tx: Tx, scheduleIds: readonly string[]): Promise<void> {
  await tx
    .updateTable('schedules as s')
    .set({ due_at: sql<Date>`least(s.due_at, s.created_at)` })
    .where('s.id', 'in', [...scheduleIds])
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
