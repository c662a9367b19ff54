import { sql } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { visibleTo } from './run-store.ts'
import { unfinishedStatuses, type RunStatus } from './run.ts'

export interface RunState {
  readonly id: string
  readonly status: RunStatus
  readonly lastSeq: number
}

/** Undefined also for a run of another end-user. */
export async function findRunState(db: Db, scope: AppScope, runId: string): Promise<RunState | undefined> {
  return db
    .selectFrom('runs')
    .select(['id', 'status', 'last_seq as lastSeq'])
    .where('id', '=', runId)
    .where(visibleTo(scope))
    .executeTakeFirst()
}

/** Whose run it is; undefined if the run is not in the scope. */
export async function findRunOwner(
  db: Db,
  scope: AppScope,
  runId: string,
): Promise<{ readonly endUserId: string | null } | undefined> {
  return db
    .selectFrom('runs')
    .select('end_user_id as endUserId')
    .where('id', '=', runId)
    .where(visibleTo(scope))
    .executeTakeFirst()
}

/** The states of runs that streams follow, unscoped: each stream was authorized for its run when it was opened. */
export async function findRunStates(db: Db, runIds: readonly string[]): Promise<Map<string, RunState>> {
  const rows =
    await sql<RunState>`select id, status, last_seq as "lastSeq" from runs where id = any(${runIds}::uuid[])`.execute(
      db,
    )
  return new Map(rows.rows.map((row) => [row.id, row]))
}

/** True when the run has ended or was deleted. */
export async function hasRunEnded(db: Db, runId: string): Promise<boolean> {
  const row = await db
    .selectFrom('runs')
    .select('id')
    .where('id', '=', runId)
    .where('status', 'in', unfinishedStatuses)
    .executeTakeFirst()
  return row === undefined
}

/** The runs whose workspace cannot be in use any more: deleted, or ended more than an hour ago. */
export async function findAbandonedRuns(db: Db, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select given.id from unnest(${runIds}::uuid[]) as given(id)
    left join runs r on r.id = given.id and (r.completed_at is null or r.completed_at > now() - interval '1 hour')
    where r.id is null`.execute(db)
  return rows.map(({ id }) => id)
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
    .where(sql<boolean>`schedule_id = any(${scheduleIds}::uuid[])`)
    .where('status', 'in', unfinishedStatuses)
    .orderBy('id')
    .$if(isHeld, (query) => query.forNoKeyUpdate())
    .execute()
  for (const { id, schedule_id } of rows)
    if (schedule_id !== null) byId.set(schedule_id, [...(byId.get(schedule_id) ?? []), id])
  return byId
}
