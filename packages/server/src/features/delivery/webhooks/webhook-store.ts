import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import type { OutboxEvent } from '../../../platform/outbox/outbox.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { isLiveApplication, serializeInApplication } from '../../accounts/applications/index.ts'
import { suspensionOf } from '../../accounts/suspensions/index.ts'
import { toColumns, toWebhook, webhookColumns as columns } from './webhook-row.ts'
import { isSubscribed, webhooksMax, type ChosenFields, type SigningWebhook, type Webhook } from './webhook.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

export interface NewWebhook extends ChosenFields, Pick<Webhook, 'id' | 'signing' | 'publicKey'> {
  readonly sealedSecret: string
  readonly createdBy: string
}

export interface NewSecretOf {
  readonly id: string
  readonly sealedSecret: string
  readonly publicKey: string | null
  /** Until when the replaced secret continues to sign; null if not at all. */
  readonly previousSecretExpiresAt: Date | null
}

/** Inserts a webhook; undefined if the application has the maximum number of them. */
export async function insertWebhook(tx: Tx, scope: AppScope, webhook: NewWebhook): Promise<Webhook | undefined> {
  // Serialize creations per application, so that two cannot both take the last place. References to the application
  // are not blocked.
  await serializeInApplication(tx, scope)
  if ((await countWebhooks(tx, scope)) >= webhooksMax) return undefined
  const row = await tx
    .insertInto('webhooks')
    .values({
      id: webhook.id,
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      ...toColumns(webhook),
      signing: webhook.signing,
      encrypted_secret: webhook.sealedSecret,
      public_key: webhook.publicKey,
      created_by: webhook.createdBy,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toWebhook(row)
}

/** The application's webhooks, newest first. */
export async function loadWebhooks(db: Db, scope: AppScope, page: Page): Promise<Slice<Webhook>> {
  const matching = webhooksIn(db, scope)
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toWebhook)
}

export async function findWebhook(db: Db, scope: AppScope, id: string): Promise<Webhook | undefined> {
  const row = await select(db, scope).where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toWebhook(row)
}

/** Locks a webhook against changes until the transaction ends; its deliveries continue. */
export async function lockWebhook(tx: Tx, scope: AppScope, id: string): Promise<Webhook | undefined> {
  const row = await select(tx, scope).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
  return row === undefined ? undefined : toWebhook(row)
}

/** The webhook with its encrypted secrets, for sending; undefined if it was deleted. */
export async function findSigningWebhook(db: Db, id: string): Promise<SigningWebhook | undefined> {
  const row = await db
    .selectFrom('webhooks')
    .select([...columns, 'encrypted_secret', 'encrypted_previous_secret'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : { ...toWebhook(row), sealedSecret: row.encrypted_secret, sealedPreviousSecret: row.encrypted_previous_secret }
}

/**
 * Each event with each webhook that subscribes to it, in the order of the events. Locks the webhooks against deletion
 * until the transaction ends.
 */
export async function holdSubscribed(
  tx: Tx,
  events: readonly OutboxEvent[],
): Promise<{ webhook: Webhook; event: OutboxEvent }[]> {
  if (events.length === 0) return []
  const rows = await tx
    .selectFrom('webhooks')
    .select(columns)
    .where('application_id', '=', sql<string>`any(${[...new Set(events.map((event) => event.applicationId))]}::uuid[])`)
    .where('enabled', '=', true)
    .where(isLiveApplication(sql.ref('webhooks.application_id')))
    .where('events', '&&', sql<string[]>`${[...new Set(events.map((event) => event.type))]}::text[]`)
    .orderBy('id')
    .forKeyShare()
    .execute()
  const webhooks = Map.groupBy(rows.map(toWebhook), (webhook) => webhook.applicationId)
  return events.flatMap((event) =>
    (webhooks.get(event.applicationId) ?? [])
      .filter((webhook) => isSubscribed(webhook, event))
      .map((webhook) => ({ webhook, event })),
  )
}

/** Saves a locked webhook. */
export async function saveWebhook(tx: Tx, scope: AppScope, webhook: Webhook): Promise<Webhook> {
  const row = await tx
    .updateTable('webhooks')
    .set({ ...toColumns(webhook), failing_since: webhook.failingSince, updated_at: sql`now()` })
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('id', '=', webhook.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toWebhook(row)
}

/** Gives a locked webhook a new secret; its old one becomes the previous one. */
export async function saveSecret(tx: Tx, scope: AppScope, secret: NewSecretOf): Promise<Webhook> {
  const row = await tx
    .updateTable('webhooks')
    .set((eb) => ({
      encrypted_previous_secret: secret.previousSecretExpiresAt === null ? null : eb.ref('encrypted_secret'),
      previous_expires_at: secret.previousSecretExpiresAt,
      encrypted_secret: secret.sealedSecret,
      public_key: secret.publicKey,
      updated_at: sql`now()`,
    }))
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('id', '=', secret.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toWebhook(row)
}

/** False if there is no such webhook. */
export async function deleteWebhookRow(tx: Tx, scope: AppScope, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('webhooks')
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** Selects a row for each webhook of an application. */
export function webhooksOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from webhooks where application_id = ${applicationId}`
}

/**
 * States of webhooks, to be joined. Those of a deleted application count as disabled; those of a suspended organization
 * are paused.
 */
export const webhookStates = sql`(
  select id, organization_id, enabled and ${isLiveApplication(sql.ref('application_id'))} as enabled, disabled_at,
    exists (${suspensionOf(sql.ref('webhooks.organization_id'))}) as paused
  from webhooks)`

/** Keeps webhooks from being deleted until the transaction ends; `ids` selects their ids. */
export async function holdWebhooks(tx: Tx, ids: RawBuilder<unknown>): Promise<void> {
  await sql`select h.id from webhooks h where h.id in (${ids}) order by h.id for key share`.execute(tx)
}

async function countWebhooks(db: Db, scope: AppScope): Promise<number> {
  const { total } = await webhooksIn(db, scope)
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow()
  return total
}

function select(db: Db, scope: AppScope) {
  return webhooksIn(db, scope).select(columns)
}

function webhooksIn(db: Db, scope: AppScope) {
  return db
    .selectFrom('webhooks')
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
}

/** Removes webhooks of a deleted application. */
export const removeWebhooks = removalFrom('webhooks', 'application_id')

/** Selects the ids of the webhooks of an application. */
export function webhookIdsOf(applicationId: string): RawBuilder<unknown> {
  return sql`select id from webhooks where application_id = ${applicationId}`
}

/** Whether the webhook with this stored id is still there. */
export const isWebhookKept = keptIn('webhooks')
