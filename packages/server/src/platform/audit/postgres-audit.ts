import type { Tx } from '../db/database.ts'
import { asLast } from '../db/pooled-connection.ts'
import { toJsonText } from '../db/json-text.ts'
import { newUuid } from '../ids/id.ts'
import type { AuditedRequest, AuditEntry } from './audit.ts'
import { timeOfEntry } from './entry-time.ts'

/** Writes an entry in the transaction of the change that it reports. */
export async function insertAuditEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  await insertion(tx, entry).execute()
}

/** Writes an entry as the last statement of the transaction, and commits in the same round trip. */
export async function insertAuditEntryAndCommit(tx: Tx, entry: AuditEntry): Promise<void> {
  await tx.executeQuery(asLast(insertion(tx, entry).compile()))
}

function insertion(tx: Tx, entry: AuditEntry) {
  const { scope, changes } = entry
  const id = newUuid()
  return tx.insertInto('audit_log').values({
    id,
    organization_id: scope?.organizationId ?? null,
    application_id: scope !== undefined && 'applicationId' in scope ? scope.applicationId : null,
    action: entry.action,
    actor: toJsonText(toActor(entry)),
    resource_id: entry.resourceId ?? null,
    changes: changes === undefined || Object.keys(changes).length === 0 ? null : toJsonText(changes),
    ...requestColumns(entry.request),
    created_at: timeOfEntry(id),
  })
}

function requestColumns(request: AuditedRequest | undefined) {
  if (request === undefined) return {}
  const { requestId, method, path, ip, userAgent } = request
  return { request_id: requestId, method, path, ip, user_agent: userAgent ?? null }
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
