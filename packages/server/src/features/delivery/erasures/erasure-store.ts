import { sql, type RawBuilder } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { unfinishedStatuses } from '../../execution/runs/index.ts'
import type { Erasure } from './erasure.ts'

/** Whose things they are. */
export interface ErasedEndUser extends AppScope {
  readonly endUserId: string
}

const erasureTimeoutMs = 600_000

/** Lets the statements of the transaction take longer than others': there can be very much of an end-user's. */
export async function takeTime(tx: Tx): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(erasureTimeoutMs)}, true)`.execute(tx)
}

/** Keeps the relay from handing on what is about to be erased, until the transaction ends; its own lock is the same. */
export async function pauseRelay(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('outbox relay'))`.execute(tx)
}

/** Nobody changes the end-user's schedules until the transaction ends. After the end-user is locked: a fire takes them in this order too. */
export async function lockSchedules(tx: Tx, { applicationId }: AppScope, endUserId: string): Promise<void> {
  await sql`select id from schedules where application_id = ${applicationId} and end_user_id = ${endUserId} order by id for update`.execute(
    tx,
  )
}

/** Nobody changes the end-user's runs until the transaction ends. Returns those that have not ended. */
export async function lockRuns(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with locked as materialized (
      select id, status from runs where application_id = ${applicationId} and end_user_id = ${endUserId} order by id for update)
    select id from locked where status = any(${unfinishedStatuses}::text[]) order by id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes the journals of the end-user's runs; returns how many events they had. */
export function deleteEvents(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(
    tx,
    sql`delete from run_events e using runs r where r.application_id = ${applicationId} and r.end_user_id = ${endUserId} and e.run_id = r.id`,
  )
}

export async function deleteFiles(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
): Promise<{ ids: string[]; bytes: number }> {
  const rows = await tx
    .deleteFrom('files')
    .where('application_id', '=', applicationId)
    .where('end_user_id', '=', endUserId)
    .returning(['id', 'size_bytes'])
    .execute()
  return { ids: rows.map(({ id }) => id), bytes: rows.reduce((sum, row) => sum + row.size_bytes, 0) }
}

export function deleteSchedules(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(tx, sql`delete from schedules where application_id = ${applicationId} and end_user_id = ${endUserId}`)
}

export async function deleteNotifications(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  await sql`delete from notification_reads where reader = ${endUserId}`.execute(tx)
  return count(
    tx,
    sql`delete from notifications where application_id = ${applicationId} and end_user_id = ${endUserId}`,
  )
}

/** Deletes what webhooks were or are to be told, with its deliveries. */
export function deleteWebhookEvents(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(
    tx,
    sql`delete from webhook_events where application_id = ${applicationId} and end_user_id = ${endUserId}`,
  )
}

/** What has not been handed on yet is handed on as nobody's. */
export async function anonymiseOutbox(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<void> {
  await sql`
    update outbox set end_user_id = null,
      payload = payload || jsonb_build_object('endUserId', null, 'error', ${errorWithoutContent(sql`nullif(payload -> 'error', 'null')`)})
    where application_id = ${applicationId} and end_user_id = ${endUserId}`.execute(tx)
}

/** Empties the end-user's runs, and makes them nobody's; what bills rest on stays. Returns how many there were. */
export function anonymiseRuns(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<number> {
  return count(
    tx,
    sql`
    update runs set end_user_id = null, input = '{}', config = '{}', metadata = '{}', output = null, report = null,
      error = ${errorWithoutContent(sql`error`)},
      -- There is nothing left to replay of those that have ended.
      last_seq = case when status = any(${unfinishedStatuses}::text[]) then last_seq else 0 end
    where application_id = ${applicationId} and end_user_id = ${endUserId}`,
  )
}

export async function deleteEndUserRow(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<void> {
  await tx.deleteFrom('end_users').where('application_id', '=', applicationId).where('id', '=', endUserId).execute()
}

export async function insertErasure(tx: Tx, scope: AppScope, { endUserId, erasedAt, report }: Erasure): Promise<void> {
  await tx
    .insertInto('erasures')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      end_user_id: endUserId,
      report: toJsonText(report),
      created_at: erasedAt,
    })
    .execute()
}

// The codes of errors are ours; their texts can quote content.
function errorWithoutContent(error: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when ${error} is null then null else jsonb_build_object('code', ${error} -> 'code', 'message', 'Erased with its end-user.') end`
}

async function count(tx: Tx, statement: RawBuilder<unknown>): Promise<number> {
  return Number((await statement.execute(tx)).numAffectedRows ?? 0n)
}
