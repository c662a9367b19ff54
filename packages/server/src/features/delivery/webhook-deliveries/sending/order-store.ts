import { sql } from 'kysely'
import type { Tx } from '../../../../platform/db/database.ts'
import { newUuid } from '../../../../platform/ids/id.ts'
import { holdWebhooks } from '../../webhooks/index.ts'
import { testEventType } from '../delivery.ts'
import { withoutRetries } from './retry-plan.ts'

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

/** Makes the oldest waiting event of each of the events' runs due, if it was parked. Requires lockOrder. */
export async function releaseNext(tx: Tx, eventIds: readonly string[]): Promise<void> {
  await sql`
    update webhook_deliveries d set due_at = now(), ready = true
    from (
      select distinct webhook_id, run_id from webhook_events where id = any(${eventIds}::uuid[]) and run_id is not null
    ) r
    cross join lateral (
      select p.id, p.due_at from webhook_deliveries p
      where p.webhook_id = r.webhook_id and p.run_id = r.run_id and p.status = 'pending' order by p.position limit 1
    ) oldest
    where d.id = oldest.id and oldest.due_at is null`.execute(tx)
}
