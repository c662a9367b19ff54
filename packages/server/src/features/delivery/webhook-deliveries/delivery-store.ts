import { sql, type ExpressionBuilder } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import type { DB } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import type { Delivery, DeliveryStatus, WebhookEvent } from './delivery.ts'

/** One webhook's deliveries. The caller must have found the webhook in the scope. End-users have no webhooks. */
export interface WebhookScope extends AppScope {
  readonly webhookId: string
}

export interface DeliveryFilters {
  readonly status?: DeliveryStatus
  readonly eventType?: string
}

export interface Period {
  readonly since: Date
  readonly until: Date
}

/** A delivery with its event and the recorded HTTP exchange, as stored. */
export interface KeptDelivery {
  readonly delivery: Delivery
  readonly event: WebhookEvent
  readonly request: unknown
  readonly response: unknown
}

const columns = [
  'id',
  'webhook_id',
  'event_id',
  'event_type',
  'run_id',
  'attempt',
  'status',
  'status_code',
  'latency_ms',
  'error',
  'due_at',
  'created_at',
  'completed_at',
] as const

/** A webhook's deliveries, newest first. */
export async function loadDeliveries(
  db: Db,
  scope: WebhookScope,
  { page, filters }: { page: Page; filters: DeliveryFilters },
): Promise<Slice<Delivery>> {
  const { status, eventType } = filters
  let matching = db.selectFrom('webhook_deliveries').where(visibleTo(scope))
  if (status !== undefined) matching = matching.where('status', '=', status)
  if (eventType !== undefined) matching = matching.where('event_type', '=', eventType)
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toDelivery)
}

/** The oldest events of a period, after a given event, whose last attempt failed. */
export async function findGivenUp(
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

/** A delivery with its event; undefined if either was removed. */
export async function findDelivery(db: Db, scope: WebhookScope, id: string): Promise<KeptDelivery | undefined> {
  const row = await db
    .selectFrom('webhook_deliveries')
    .select([...columns, 'request', 'response'])
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  const event = row === undefined ? undefined : await findEvent(db, row.event_id)
  if (row === undefined || event === undefined) return undefined
  return { delivery: toDelivery(row), event, request: row.request, response: row.response }
}

async function findEvent(db: Db, id: string): Promise<WebhookEvent | undefined> {
  const row = await db
    .selectFrom('webhook_events')
    .select([
      'id',
      'organization_id',
      'application_id',
      'webhook_id',
      'type',
      'run_id',
      'end_user_id',
      'payload',
      'created_at',
    ])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    id: row.id,
    organizationId: row.organization_id,
    applicationId: row.application_id,
    webhookId: row.webhook_id,
    type: row.type,
    runId: row.run_id,
    endUserId: row.end_user_id,
    payload: typeof row.payload === 'object' && row.payload !== null ? { ...row.payload } : {},
    createdAt: row.created_at,
  }
}

function visibleTo(scope: WebhookScope) {
  return (eb: ExpressionBuilder<DB, 'webhook_deliveries'>) =>
    eb.and([eb('webhook_id', '=', scope.webhookId), eb('application_id', '=', scope.applicationId)])
}

interface DeliveryRow {
  readonly id: string
  readonly webhook_id: string
  readonly event_id: string
  readonly event_type: string
  readonly run_id: string | null
  readonly attempt: number
  readonly status: DeliveryStatus
  readonly status_code: number | null
  readonly latency_ms: number | null
  readonly error: string | null
  readonly due_at: Date | null
  readonly created_at: Date
  readonly completed_at: Date | null
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    eventId: row.event_id,
    eventType: row.event_type,
    runId: row.run_id,
    attempt: row.attempt,
    status: row.status,
    statusCode: row.status_code,
    latencyMs: row.latency_ms,
    error: row.error,
    dueAt: row.due_at,
    createdAt: row.created_at,
    completedAt: row.completed_at,
  }
}
