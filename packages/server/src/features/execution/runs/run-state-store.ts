import { sql } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import { unfinishedStatuses, type RunStatus } from './run.ts'

export interface RunState {
  readonly id: string
  readonly status: RunStatus
  readonly lastSeq: number
}

/** Undefined also for a run of another end-user. */
export async function findRunState(db: Db, scope: AppScope, runId: string): Promise<RunState | undefined> {
  const query = db
    .selectFrom('runs')
    .select(['id', 'status', 'last_seq as lastSeq'])
    .where('id', '=', runId)
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
  return (scope.endUserId === null ? query : query.where('end_user_id', '=', scope.endUserId)).executeTakeFirst()
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
