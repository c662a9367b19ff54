import { sql, type RawBuilder } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'
import { anonymiseEvents } from '../../../platform/outbox/postgres-outbox.ts'
import { unfinishedStatuses } from './run.ts'

/** Locks one run of an end-user that has not ended; returns its id. */
export async function lockUnfinishedRunOf(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select id from runs
    where application_id = ${applicationId} and end_user_id = ${endUserId}
      and status = any(${unfinishedStatuses}::text[])
    order by id limit 1 for update`.execute(tx)
  return rows[0]?.id
}

/** Locks at most `limit` runs of an end-user; returns their ids. */
export async function lockRunsOf(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
  limit: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from runs where application_id = ${applicationId} and end_user_id = ${endUserId}
    order by id desc limit ${limit} for update`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes entries of the runs' journals, at most `limit` if given; returns how many. */
export function deleteJournals(tx: Tx, runIds: readonly string[], limit?: number): Promise<number> {
  return count(
    tx,
    sql`
    delete from run_events where ctid = any(array(
      select ctid from run_events where run_id = any(${runIds}::uuid[]) limit ${limit ?? null}))`,
  )
}

/** Removes the content of runs, and detaches them from their end-user; billing fields stay. */
export async function anonymiseRuns(tx: Tx, runIds: readonly string[]): Promise<void> {
  await sql`
    update runs set end_user_id = null, input = '{}', config = '{}', metadata = '{}', output = null, report = null,
      error = ${errorWithoutContent(sql`error`)},
      -- An ended run has no event left to replay.
      last_seq = case when status = any(${unfinishedStatuses}::text[]) then last_seq else 0 end
    where id = any(${runIds}::uuid[])`.execute(tx)
}

/** Detaches at most `limit` events in the outbox from the end-user, without their content; returns how many. */
export function anonymiseOutbox(tx: Tx, whose: ErasedEndUser, limit: number): Promise<number> {
  const error = errorWithoutContent(sql`nullif(payload -> 'error', 'null')`)
  const payload = sql`payload || jsonb_build_object('endUserId', null, 'error', ${error})`
  return anonymiseEvents(tx, whose, { payload, limit })
}

/** Detaches at most `limit` runs from schedules that are to be deleted; returns how many. */
export function detachFromSchedules(tx: Tx, scheduleIds: readonly string[], limit: number): Promise<number> {
  return count(
    tx,
    sql`
    update runs set schedule_id = null where ctid = any(array(
      select ctid from runs where schedule_id = any(${scheduleIds}::uuid[]) limit ${limit}))`,
  )
}

// Error codes are the server's own; error texts can quote content.
function errorWithoutContent(error: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    case when ${error} is null then null
    else jsonb_build_object('code', ${error} -> 'code', 'message', 'Erased with its end-user.') end`
}

async function count(tx: Tx, statement: RawBuilder<unknown>): Promise<number> {
  return Number((await statement.execute(tx)).numAffectedRows ?? 0n)
}
