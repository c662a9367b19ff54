import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { holdWebhooks, webhookStates } from '../webhooks/index.ts'
import {
  deliveryStatusesBefore,
  testEventType,
  withoutRetries,
  type ClaimedDelivery,
  type EndedDeliveryStatus,
} from './delivery.ts'
import type { KeptRequest, KeptResponse } from './exchange.ts'

/** How an attempt ended. */
export interface DeliveryOutcome {
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

/**
 * Locks the order of the events' runs, per webhook. Take this lock before adding or ending an attempt, so that
 * concurrent writers see each other's changes. Webhooks are locked before events, as in their deletion, to avoid
 * deadlocks.
 */
export async function lockOrder(tx: Tx, eventIds: readonly string[]): Promise<void> {
  await holdWebhooks(tx, sql`select webhook_id from webhook_events where id = any(${eventIds}::uuid[])`)
  await sql`
    select e.id from webhook_events e
    where e.id in (
      select unnest(${eventIds}::uuid[])
      union all
      select sibling.id from webhook_events own
      join webhook_events sibling on sibling.webhook_id = own.webhook_id and sibling.run_id = own.run_id
      where own.id = any(${eventIds}::uuid[]))
    order by e.id for no key update`.execute(tx)
}

/**
 * Inserts the next attempt of each event, the first of a series: due now, or parked while an earlier event of its run
 * waits for the same webhook. Requires lockOrder, and events without a pending attempt. Returns the new ids.
 */
export async function insertAttempts(tx: Tx, eventIds: readonly string[]): Promise<string[]> {
  if (eventIds.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    insert into webhook_deliveries (
      id, application_id, webhook_id, event_id, event_type, run_id, position, attempt, retry, due_at, ready)
    select n.id, n.application_id, n.webhook_id, n.event_id, n.type, n.run_id, n.position, n.attempt,
      case when n.type = ${testEventType} then ${withoutRetries}::int else 0 end,
      case when n.is_first then now() end, n.is_first
    from (
      select new.id, e.application_id, e.webhook_id, e.id as event_id, e.type, e.run_id,
        coalesce(e.outbox_id, 0) as position,
        1 + coalesce((select max(d.attempt) from webhook_deliveries d where d.event_id = e.id), 0) as attempt,
        e.run_id is null or (
          row_number() over (partition by e.webhook_id, e.run_id order by e.outbox_id, e.id) = 1
          and not exists (
            select from webhook_deliveries p
            where p.webhook_id = e.webhook_id and p.run_id = e.run_id and p.status = 'pending'
              and p.position < coalesce(e.outbox_id, 0))
        ) as is_first
      from unnest(${eventIds}::uuid[], ${eventIds.map(() => newUuid())}::uuid[]) as new(event_id, id)
      join webhook_events e on e.id = new.event_id
    ) n
    returning id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Inserts the attempt that retries a failed one of the same series. */
export async function insertRetry(tx: Tx, failedId: string, delayMs: number): Promise<void> {
  await sql`
    insert into webhook_deliveries (
      id, application_id, webhook_id, event_id, event_type, run_id, position, attempt, retry, due_at)
    select ${newUuid()}::uuid, application_id, webhook_id, event_id, event_type, run_id, position,
      attempt + 1, retry + 1, now() + ${delayMs} * interval '1 ms'
    from webhook_deliveries where id = ${failedId}`.execute(tx)
}

/** The events of one run for one webhook, which are sent in their order. An event of no run is sent alone. */
export interface Lane {
  readonly webhookId: string
  readonly runId: string | null
}

/** Makes the oldest waiting event of each of the events' runs due, if it was parked. Requires lockOrder. */
export async function unparkNext(tx: Tx, eventIds: readonly string[]): Promise<void> {
  await unparkOldest(
    tx,
    sql`select webhook_id, run_id from webhook_events where id = any(${eventIds}::uuid[]) and run_id is not null`,
  )
}

/**
 * Makes the oldest waiting event of each lane due, if it was parked: an event that was deleted may have been before it.
 * A statement after the deletion, so that it also sees events that were parked meanwhile.
 */
export async function unparkLanes(tx: Tx, lanes: readonly Lane[]): Promise<void> {
  const ofRuns = lanes.filter(({ runId }) => runId !== null)
  if (ofRuns.length === 0) return
  const [webhookIds, runIds] = [ofRuns.map(({ webhookId }) => webhookId), ofRuns.map(({ runId }) => runId)]
  await unparkOldest(
    tx,
    sql`select webhook_id, run_id from unnest(${webhookIds}::uuid[], ${runIds}::uuid[]) as lane(webhook_id, run_id)`,
  )
}

// `lanes` selects webhook_id and run_id.
async function unparkOldest(tx: Tx, lanes: RawBuilder<unknown>): Promise<void> {
  await sql`
    update webhook_deliveries d set due_at = now(), ready = true
    from (select distinct webhook_id, run_id from (${lanes}) l) r
    cross join lateral (
      select p.id, p.due_at from webhook_deliveries p
      where p.webhook_id = r.webhook_id and p.run_id = r.run_id and p.status = 'pending' order by p.position limit 1
    ) oldest
    where d.id = oldest.id and oldest.due_at is null`.execute(tx)
}

/** Begins a new series of attempts for each event without a pending one. Returns the ids of the new deliveries. */
export async function beginSeries(tx: Tx, eventIds: readonly string[]): Promise<string[]> {
  await lockOrder(tx, eventIds)
  const { rows } = await sql<{ id: string }>`
    select e.id from webhook_events e
    where e.id = any(${eventIds}::uuid[])
      and not exists (select from webhook_deliveries d where d.event_id = e.id and d.status = 'pending')`.execute(tx)
  const idle = rows.map(({ id }) => id)
  await sql`update webhook_deliveries set gave_up = false where event_id = any(${idle}::uuid[]) and gave_up`.execute(tx)
  return insertAttempts(tx, idle)
}

/** Ends an attempt for the holder of its claim; returns false if the claim was lost. */
export async function saveOutcome(
  tx: Tx,
  held: Pick<ClaimedDelivery, 'id' | 'claim'>,
  outcome: DeliveryOutcome,
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
export async function findWaiting(
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
export async function findDisabledWithWaiting(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select h.id from ${webhookStates} h
    where h.disabled_at > now() - interval '7 days' and not h.enabled
      and exists (
        select from webhook_deliveries d where d.webhook_id = h.id and d.status = 'pending' and d.claim is null)
    limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}
