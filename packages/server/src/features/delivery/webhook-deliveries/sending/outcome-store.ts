import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../../platform/db/json-text.ts'
import { webhookStates } from '../../webhooks/index.ts'
import type { ClaimedDelivery } from '../delivery.ts'
import { deliveryStatusesBefore, type EndedDeliveryStatus } from '../delivery.ts'
import type { KeptRequest, KeptResponse } from '../exchange.ts'

/** How an attempt ended. */
export interface Outcome {
  readonly status: EndedDeliveryStatus
  readonly statusCode: number | null
  readonly latencyMs: number | null
  /** One sentence for the webhook's owner. */
  readonly error: string | null
  readonly request: KeptRequest | null
  readonly response: KeptResponse | null
  /** The event was not delivered and gets no further attempt. */
  readonly gaveUp: boolean
}

/** Ends an attempt for the holder of its claim; returns false if the claim was lost. */
export async function saveOutcome(
  tx: Tx,
  held: Pick<ClaimedDelivery, 'id' | 'claim'>,
  outcome: Outcome,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('webhook_deliveries')
    .set({
      status: outcome.status,
      status_code: outcome.statusCode,
      latency_ms: outcome.latencyMs,
      error: outcome.error === null ? null : toColumnText(outcome.error),
      request: outcome.request === null ? null : toJsonText(outcome.request),
      response: outcome.response === null ? null : toJsonText(outcome.response),
      gave_up: outcome.gaveUp,
      claim: null,
      claimed_until: null,
      completed_at: sql<Date>`now()`,
    })
    .where('id', '=', held.id)
    .where('claim', '=', held.claim)
    .where('status', 'in', deliveryStatusesBefore(outcome.status))
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** A webhook's waiting attempts that are not claimed. */
export async function listWaiting(
  db: Db,
  webhookId: string,
  limit: number,
): Promise<{ id: string; eventId: string }[]> {
  return db
    .selectFrom('webhook_deliveries')
    .select(['id', 'event_id as eventId'])
    .where('webhook_id', '=', webhookId)
    .where('status', '=', 'pending')
    .where('claim', 'is', null)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** Ends unsent attempts of disabled webhooks, but not of one that was enabled meanwhile. Requires lockOrder. */
export async function endWaiting(tx: Tx, ids: readonly string[], error: string): Promise<void> {
  await sql`
    update webhook_deliveries d
    set status = 'failed', error = ${error}, gave_up = d.event_type <> 'test.ping', ready = false, completed_at = now()
    from ${webhookStates} h
    where d.id = any(${ids}::uuid[]) and d.status = any(${deliveryStatusesBefore('failed')}::text[]) and d.claim is null
      and h.id = d.webhook_id and not h.enabled`.execute(tx)
}

/** Webhooks that were disabled in the last week and still have waiting attempts. */
export async function listDisabledWithWaiting(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select h.id from ${webhookStates} h
    where h.disabled_at > now() - interval '7 days' and not h.enabled
      and exists (
        select from webhook_deliveries d where d.webhook_id = h.id and d.status = 'pending' and d.claim is null)
    limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}

/** Deletes events older than `days` with their deliveries, except pending ones. Returns how many. */
export async function removeOldEvents(db: Db, { days, limit }: { days: number; limit: number }): Promise<number> {
  const result = await sql`
    delete from webhook_events where id in (
      select e.id from webhook_events e
      where e.created_at < now() - ${days} * interval '1 day'
        and not exists (select from webhook_deliveries d where d.event_id = e.id and d.status = 'pending')
      order by e.created_at limit ${limit} for update skip locked)`.execute(db)
  return Number(result.numAffectedRows ?? 0n)
}
