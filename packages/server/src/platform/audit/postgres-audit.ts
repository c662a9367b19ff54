import type { Tx } from '../db/database.ts'
import { toJsonText } from '../db/json-text.ts'
import { newUuid } from '../ids/id.ts'
import type { AuditEntry } from './audit.ts'

/** Writes an entry in the transaction of the change that it reports. */
export async function insertAuditEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  const { scope, request } = entry
  const hasChanges = entry.changes !== undefined && Object.keys(entry.changes).length > 0
  await tx
    .insertInto('audit_log')
    .values({
      id: newUuid(),
      organization_id: scope?.organizationId ?? null,
      application_id: scope !== undefined && 'applicationId' in scope ? scope.applicationId : null,
      action: entry.action,
      actor: toJsonText(toActor(entry)),
      resource_id: entry.resourceId ?? null,
      changes: hasChanges ? toJsonText(entry.changes) : null,
      request_id: request?.requestId ?? null,
      method: request?.method ?? null,
      path: request?.path ?? null,
      ip: request?.ip ?? null,
      user_agent: request?.userAgent ?? null,
    })
    .execute()
}

function toActor({ actor, scope }: AuditEntry) {
  const endUserId = scope !== undefined && 'endUserId' in scope ? scope.endUserId : null
  switch (actor.kind) {
    case 'anonymous':
      return { kind: actor.kind }
    case 'system':
      return { kind: actor.kind, part: actor.part }
    case 'user':
      return { kind: actor.kind, userId: actor.userId }
    case 'api-key':
      return { kind: actor.kind, apiKeyId: actor.keyId, userId: actor.userId, endUserId }
  }
}
