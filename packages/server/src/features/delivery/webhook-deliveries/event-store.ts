import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { webhookIdsOf } from '../webhooks/index.ts'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Expiring } from '../../../platform/hooks/hooks.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import type { Lane } from './attempt-store.ts'

/** A new event for one webhook. */
export interface NewWebhookEvent {
  readonly organizationId: string
  readonly applicationId: string
  readonly webhookId: string
  readonly type: string
  readonly runId: string | null
  readonly endUserId: string | null
  /** Its id in the outbox, which orders the events of a run; null for a test. */
  readonly outboxId: number | null
  readonly payload: Readonly<Record<string, unknown>>
  readonly createdAt: Date
}

const rowsMax = 1_000

/** Inserts events, each at most once for its webhook. Returns the ids of the new ones. */
export async function insertWebhookEvents(tx: Tx, events: readonly NewWebhookEvent[]): Promise<string[]> {
  const ids: string[] = []
  for (let at = 0; at < events.length; at += rowsMax) {
    const { rows } = await sql<{ id: string }>`
      insert into webhook_events (
        id, organization_id, application_id, webhook_id, type, run_id, end_user_id, outbox_id, payload, created_at)
      select id, organization_id, application_id, webhook_id, type, run_id, end_user_id, outbox_id, payload, created_at
      from jsonb_to_recordset(${toJsonText(events.slice(at, at + rowsMax).map(toRecord))}::jsonb) as e(
        id uuid, organization_id uuid, application_id uuid, webhook_id uuid, type text, run_id uuid, end_user_id uuid,
        outbox_id bigint,
        payload jsonb, created_at timestamptz)
      on conflict (webhook_id, outbox_id) where outbox_id is not null do nothing
      returning id`.execute(tx)
    ids.push(...rows.map(({ id }) => id))
  }
  return ids
}

/** Deletes at most `limit` events of an end-user with their deliveries; returns the webhook and run of each. */
export async function deleteEventsOf(
  tx: Tx,
  { applicationId, endUserId }: { readonly applicationId: string; readonly endUserId: string },
  limit: number,
): Promise<Lane[]> {
  const { rows } = await sql<Lane>`
    delete from webhook_events where id = any(array(
      select id from webhook_events
      where application_id = ${applicationId} and end_user_id = ${endUserId} limit ${limit}))
    returning webhook_id as "webhookId", run_id as "runId"`.execute(tx)
  return rows
}

/** Deletes events older than `days` with their deliveries, except pending ones. Returns how many. */
export async function deleteOldEvents(db: Db, { days, limit }: { days: number; limit: number }): Promise<number> {
  const result = await sql`
    delete from webhook_events where id in (
      select e.id from webhook_events e
      where e.created_at < now() - ${days} * interval '1 day'
        and not exists (select from webhook_deliveries d where d.event_id = e.id and d.status = 'pending')
      order by e.created_at limit ${limit} for update skip locked)`.execute(db)
  return Number(result.numAffectedRows ?? 0n)
}

function toRecord(event: NewWebhookEvent) {
  return {
    id: newUuid(),
    organization_id: event.organizationId,
    application_id: event.applicationId,
    webhook_id: event.webhookId,
    type: event.type,
    run_id: event.runId,
    end_user_id: event.endUserId,
    outbox_id: event.outboxId,
    payload: event.payload,
    created_at: event.createdAt,
  }
}

/** Removes webhook events of a deleted application. */
export const removeWebhookEvents = removalFrom('webhook_events', 'webhook_id', webhookIdsOf)

/** Removes webhook deliveries of a deleted application. */
export const removeDeliveries = removalFrom('webhook_deliveries', 'webhook_id', webhookIdsOf)

/** Deletes the oldest webhook events of an application with their deliveries, except pending ones. */
export async function deleteExpiredEvents(
  tx: Tx,
  { applicationId, before, limit }: Pick<Expiring, 'applicationId' | 'before' | 'limit'>,
): Promise<{ readonly events: number; readonly deliveries: number }> {
  // An event's id holds the time of its creation, so the index on ids finds the oldest events of each webhook.
  const { rows } = await sql<{ events: number; deliveries: number }>`
    with picked as materialized (
      select old.id from (${webhookIdsOf(applicationId)}) h
      cross join lateral (
        select e.id from webhook_events e
        where e.webhook_id = h.id and e.id < ${firstEntryIdAt(before)} and e.created_at < ${before}
          and not exists (select from webhook_deliveries d where d.event_id = e.id and d.status = 'pending')
        order by e.id limit ${limit} for update skip locked
      ) old limit ${limit}
    ), deliveries as (
      delete from webhook_deliveries where event_id in (select id from picked) returning id
    ), events as (
      delete from webhook_events where id in (select id from picked) returning id
    )
    select (select count(*) from events) as events, (select count(*) from deliveries) as deliveries`.execute(tx)
  return rows[0] ?? { events: 0, deliveries: 0 }
}
