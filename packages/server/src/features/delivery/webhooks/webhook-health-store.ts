import { changesBetween } from '../../../platform/audit/changes.ts'
import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { DisabledReason, Webhook } from './webhook.ts'

/** Records that a webhook fails; returns since when, or undefined if it was deleted. Only the first failure writes. */
export async function recordFailure(db: Db, webhookId: string, now: Date): Promise<Date | undefined> {
  const first = await db
    .updateTable('webhooks')
    .set({ failing_since: now })
    .where('id', '=', webhookId)
    .where('failing_since', 'is', null)
    .returning('failing_since')
    .executeTakeFirst()
  const row =
    first ?? (await db.selectFrom('webhooks').select('failing_since').where('id', '=', webhookId).executeTakeFirst())
  return row?.failing_since ?? undefined
}

/** Clears the failure of a webhook. Only the first success writes. */
export async function recordSuccess(db: Db, webhookId: string): Promise<void> {
  await db
    .updateTable('webhooks')
    .set({ failing_since: null })
    .where('id', '=', webhookId)
    .where('failing_since', 'is not', null)
    .execute()
}

export interface Disabling {
  readonly reason: Exclude<DisabledReason, 'user'>
  readonly now: Date
  /** The state that failed: a webhook with another URL, or one enabled since, must not be disabled for it. */
  readonly was: Pick<Webhook, 'url' | 'failingSince'>
}

/** Disables a webhook, with an audit entry. False if it was deleted, is disabled, or differs from `was`. */
export async function disableWebhook(tx: Tx, webhookId: string, { reason, now, was }: Disabling): Promise<boolean> {
  const row = await tx
    .updateTable('webhooks')
    .set({ enabled: false, disabled_reason: reason, disabled_at: now, updated_at: now })
    .where('id', '=', webhookId)
    .where('enabled', '=', true)
    .where('url', '=', was.url)
    .$if(reason === 'failing', (update) => update.where('failing_since', '=', was.failingSince))
    .returning(['organization_id', 'application_id'])
    .executeTakeFirst()
  if (row === undefined) return false
  await insertAuditEntry(tx, {
    action: 'webhook.disabled',
    actor: { kind: 'system', part: 'webhooks' },
    scope: { organizationId: row.organization_id, applicationId: row.application_id, endUserId: null },
    resourceId: toWireId('wh', webhookId),
    changes: changesBetween({ enabled: true, disabledReason: null }, { enabled: false, disabledReason: reason }),
  })
  return true
}
