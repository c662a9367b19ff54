import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { webhookStates } from '../webhooks/index.ts'
import type { ClaimedDelivery, WebhookEvent } from './delivery.ts'
import type { Destination, Share } from './traffic.ts'

/** Lease of a claimed attempt: the receiver's timeout plus the time for reads and writes. */
const leaseMs = 45_000
const promotedMax = 1_000

/** A webhook with ready attempts. */
export interface Candidate extends Destination {
  readonly enabled: boolean
  /** Its attempts wait: the organization is suspended. */
  readonly paused: boolean
}

/** Makes attempts ready that are due or whose lease has expired. Returns whether there may be more. */
export async function promoteDue(db: Db): Promise<boolean> {
  const result = await sql`
    update webhook_deliveries set ready = true, claim = null, claimed_until = null
    where id in (
      select id from webhook_deliveries
      where status = 'pending' and not ready and due_at is not null and coalesce(claimed_until, due_at) <= now()
      order by coalesce(claimed_until, due_at) limit ${promotedMax} for update skip locked)`.execute(db)
  return result.numAffectedRows === BigInt(promotedMax)
}

/**
 * Up to `limit` webhooks with ready attempts, after a given one. Steps through the index from webhook to webhook, so
 * that its cost does not grow with the number of attempts of one webhook.
 */
export async function findCandidates(db: Db, { after, limit }: { after: string; limit: number }): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    with recursive waiting as (
      (select webhook_id, 1 as place from webhook_deliveries where ready and webhook_id > ${after}::uuid
        order by webhook_id limit 1)
      union all
      select (select d.webhook_id from webhook_deliveries d where d.ready and d.webhook_id > w.webhook_id
          order by d.webhook_id limit 1), w.place + 1
      from waiting w where w.webhook_id is not null and w.place < ${limit}
    )
    select h.id as "webhookId", h.organization_id as "organizationId", h.enabled, h.paused
    from waiting w join ${webhookStates} h on h.id = w.webhook_id order by h.id`.execute(db)
  return rows
}

interface ClaimedRow extends WebhookEvent {
  readonly deliveryId: string
  readonly attempt: number
  readonly retry: number
}

/** Claims the longest due attempts of each webhook, as many as its share. */
export async function claimShares(db: Db, shares: readonly Share[]): Promise<ClaimedDelivery[]> {
  const claim = newUuid()
  const { rows } = await sql<ClaimedRow>`
    with taken as materialized (
      select next.id
      from unnest(${shares.map(({ webhookId }) => webhookId)}::uuid[], ${shares.map(({ count }) => count)}::int[])
        as share(webhook_id, count)
      cross join lateral (
        select d.id from webhook_deliveries d where d.webhook_id = share.webhook_id and d.ready
        order by d.due_at, d.id limit share.count for update skip locked
      ) next
    )
    update webhook_deliveries d
    set ready = false, claim = ${claim}::uuid, claimed_until = now() + ${leaseMs} * interval '1 ms'
    from taken, webhook_events e
    where d.id = taken.id and e.id = d.event_id
    returning d.id as "deliveryId", d.attempt, d.retry, ${eventFields}`.execute(db)
  return rows.map((row) => toClaimed(row, claim))
}

/** Claims one pending attempt. Returns undefined if it does not exist or is claimed already. */
export async function claimDelivery(db: Db, id: string): Promise<ClaimedDelivery | undefined> {
  const claim = newUuid()
  const { rows } = await sql<ClaimedRow>`
    update webhook_deliveries d
    set ready = false, claim = ${claim}::uuid, claimed_until = now() + ${leaseMs} * interval '1 ms'
    from webhook_events e
    where d.id = ${id} and d.status = 'pending' and d.claim is null and d.due_at is not null and e.id = d.event_id
    returning d.id as "deliveryId", d.attempt, d.retry, ${eventFields}`.execute(db)
  const [row] = rows
  return row === undefined ? undefined : toClaimed(row, claim)
}

/** Releases claims, so that any process can claim the attempts immediately. */
export async function releaseClaims(
  db: Db,
  deliveries: readonly Pick<ClaimedDelivery, 'id' | 'claim'>[],
): Promise<void> {
  if (deliveries.length === 0) return
  await sql`
    update webhook_deliveries d set ready = true, claim = null, claimed_until = null
    from unnest(${deliveries.map(({ id }) => id)}::uuid[], ${deliveries.map(({ claim }) => claim)}::uuid[])
      as held(id, claim)
    where d.id = held.id and d.claim = held.claim and d.status = 'pending'`.execute(db)
}

const eventFields = sql`e.id, e.organization_id as "organizationId", e.application_id as "applicationId",
  e.webhook_id as "webhookId", e.type,
  e.run_id as "runId", e.end_user_id as "endUserId", e.payload, e.created_at as "createdAt"`

function toClaimed({ deliveryId, attempt, retry, ...event }: ClaimedRow, claim: string): ClaimedDelivery {
  return { id: deliveryId, attempt, retry, claim, event }
}
