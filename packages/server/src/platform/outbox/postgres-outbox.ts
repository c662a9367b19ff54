import { sql, type RawBuilder } from 'kysely'
import type { Tx } from '../db/database.ts'
import { toJsonText } from '../db/json-text.ts'
import { removalFrom } from '../hooks/postgres-removal.ts'
import type { OutboxEvent } from './outbox.ts'

const relayLock = sql`hashtext('outbox relay')`

/** Takes the lock for relaying until the transaction ends; false if another process holds it. */
export async function lockRelay(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{ held: boolean }>`select pg_try_advisory_xact_lock(${relayLock}) as held`.execute(tx)
  return rows[0]?.held ?? false
}

/** Waits for the lock for relaying, and holds it until the transaction ends. */
export async function pauseRelay(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${relayLock})`.execute(tx)
}

/**
 * Inserts an event for each type and payload, as a part of the statement that changes the run. In that statement `run`
 * names the run's row: organization_id, application_id, id, agent_id and end_user_id.
 */
export function insertRunEvents(
  run: RawBuilder<unknown>,
  events: readonly { readonly type: string; readonly payload: unknown }[],
): RawBuilder<unknown> {
  return sql`
    insert into outbox (organization_id, application_id, run_id, agent_id, end_user_id, type, payload)
    select r.organization_id, r.application_id, r.id, r.agent_id, r.end_user_id, e.type, e.payload
    from ${run} as r cross join jsonb_to_recordset(${toJsonText(events)}::jsonb) as e(type text, payload jsonb)`
}

/** Detaches at most `limit` waiting events of an end-user from them; `payload` is the new payload. Returns how many. */
export async function anonymiseEvents(
  tx: Tx,
  { applicationId, endUserId }: { readonly applicationId: string; readonly endUserId: string },
  { payload, limit }: { readonly payload: RawBuilder<unknown>; readonly limit: number },
): Promise<number> {
  // The relay locks no rows, but deletes those that it has read.
  const { numAffectedRows } = await sql`
    update outbox set end_user_id = null, payload = ${payload} where id in (
      select id from outbox where application_id = ${applicationId} and end_user_id = ${endUserId}
      limit ${limit} for update)`.execute(tx)
  return Number(numAffectedRows ?? 0n)
}

/** The oldest events after `after`. Events of a run commit in id order, because their writers lock the run's row. */
export async function findEvents(tx: Tx, { after, limit }: { after: number; limit: number }): Promise<OutboxEvent[]> {
  const { rows } = await sql<OutboxEvent>`
    select id, organization_id as "organizationId", application_id as "applicationId", run_id as "runId",
      agent_id as "agentId",
      end_user_id as "endUserId", type, payload, created_at as "createdAt"
    from outbox where id > ${after} order by id limit ${limit}`.execute(tx)
  return rows
}

/** Deletes events that every reader has read. */
export async function deleteEvents(tx: Tx, ids: readonly number[]): Promise<void> {
  await sql`delete from outbox where id = any(${ids}::bigint[])`.execute(tx)
}

/** Removes waiting events of a deleted application. */
export const removeOutboxEvents = removalFrom('outbox', 'application_id')
