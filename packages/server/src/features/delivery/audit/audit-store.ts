import type { Tx } from '../../../platform/db/database.ts'
import type { AuditEntry } from '../../../platform/http/audit.ts'
import { newUuid } from '../../../platform/ids/id.ts'

export async function insertAuditEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  const { scope } = entry
  await tx
    .insertInto('audit_log')
    .values({
      id: newUuid(),
      organization_id: scope?.organizationId ?? null,
      application_id: scope !== undefined && 'applicationId' in scope ? scope.applicationId : null,
      action: entry.action,
      actor: JSON.stringify(toActor(entry)),
      resource_id: entry.resourceId ?? null,
      request_id: entry.requestId,
      method: entry.method,
      path: entry.path,
      ip: entry.ip,
      user_agent: entry.userAgent ?? null,
    })
    .execute()
}

function toActor({ caller, scope }: AuditEntry) {
  const endUserId = scope !== undefined && 'endUserId' in scope ? scope.endUserId : null
  switch (caller.kind) {
    case 'anonymous':
      return { kind: caller.kind }
    case 'user':
      return { kind: caller.kind, userId: caller.userId }
    case 'api-key':
      return { kind: caller.kind, apiKeyId: caller.keyId, userId: caller.userId, endUserId }
  }
}
