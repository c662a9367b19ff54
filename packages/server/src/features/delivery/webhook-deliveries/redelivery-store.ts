import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { WebhookScope } from './delivery-store.ts'
import { insertAttempts, lockOrder } from './sending/order-store.ts'

export interface Period {
  readonly since: Date
  readonly until: Date
}

/** The oldest events of a period, after a given event, whose last attempt failed. */
export async function listGivenUp(
  db: Db,
  scope: WebhookScope,
  { since, until, after, limit }: Period & { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select e.id from webhook_deliveries d join webhook_events e on e.id = d.event_id
    where d.gave_up and d.webhook_id = ${scope.webhookId} and d.application_id = ${scope.applicationId}
      and d.event_id > ${after}::uuid
      and e.created_at >= ${since} and e.created_at < ${until}
    order by d.event_id limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
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
