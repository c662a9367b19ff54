import type { AuditSink } from '../../../platform/http/audit.ts'
import { insertAuditEntry } from './audit-store.ts'

/** Audit entries go to the audit log, in the transaction of the change. */
export const auditSink: AuditSink = { write: insertAuditEntry }
