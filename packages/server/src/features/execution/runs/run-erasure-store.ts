import { sql, type RawBuilder } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'
import { anonymiseEvents } from '../../../platform/outbox/postgres-outbox.ts'
import { unfinishedStatuses } from './run.ts'

/** Locks an end-user's runs until the transaction ends; returns those that have not ended. */
export async function lockRunsOf(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with locked as materialized (
      select id, status from runs
      where application_id = ${applicationId} and end_user_id = ${endUserId} order by id for update)
    select id from locked where status = any(${unfinishedStatuses}::text[]) order by id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes the journals of an end-user's runs; returns how many events they had. */
export function deleteJournals(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(
    tx,
    sql`
    delete from run_events e using runs r
    where r.application_id = ${applicationId} and r.end_user_id = ${endUserId} and e.run_id = r.id`,
  )
}

/** Removes the content of an end-user's runs, and detaches them; billing fields stay. Returns how many runs. */
export function anonymiseRuns(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(
    tx,
    sql`
    update runs set end_user_id = null, input = '{}', config = '{}', metadata = '{}', output = null, report = null,
      error = ${errorWithoutContent(sql`error`)},
      -- An ended run has no event left to replay.
      last_seq = case when status = any(${unfinishedStatuses}::text[]) then last_seq else 0 end
    where application_id = ${applicationId} and end_user_id = ${endUserId}`,
  )
}

/** Detaches the events that wait in the outbox from the end-user, and removes their content. */
export function anonymiseOutbox(tx: Tx, whose: ErasedEndUser): Promise<void> {
  const error = errorWithoutContent(sql`nullif(payload -> 'error', 'null')`)
  return anonymiseEvents(tx, whose, sql`payload || jsonb_build_object('endUserId', null, 'error', ${error})`)
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
