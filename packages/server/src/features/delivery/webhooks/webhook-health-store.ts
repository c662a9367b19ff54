import { changesBetween } from '../../../platform/audit/changes.ts'
import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { DisabledReason } from './webhook.ts'

/** Remembers that a webhook fails; returns since when, or undefined when it is gone. Only the first failure writes. */
export async function noteFailure(db: Db, webhookId: string, now: Date): Promise<Date | undefined> {
  const first = await db
    .updateTable('webhooks')
    .set({ failing_since: now })
    .where('id', '=', webhookId)
    .where('failing_since', 'is', null)
    .returning('failing_since')
    .executeTakeFirst()
  const row = first ?? (await db.selectFrom('webhooks').select('failing_since').where('id', '=', webhookId).executeTakeFirst())
  return row?.failing_since ?? undefined
}

/** Forgets that a webhook failed. Only the first success writes. */
export async function noteSuccess(db: Db, webhookId: string): Promise<void> {
  await db.updateTable('webhooks').set({ failing_since: null }).where('id', '=', webhookId).where('failing_since', 'is not', null).execute()
}

/** Disables a webhook, with an audit entry. False when it is gone or disabled already. */
export async function disableWebhook(tx: Tx, webhookId: string, { reason, now }: { reason: Exclude<DisabledReason, 'user'>; now: Date }): Promise<boolean> {
  const row = await tx
    .updateTable('webhooks')
    .set({ enabled: false, disabled_reason: reason, disabled_at: now, updated_at: now })
    .where('id', '=', webhookId)
    .where('enabled', '=', true)
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
