import type { Tx } from '../db/database.ts'
import type { AppScope, Caller, OrgScope } from './caller.ts'

/** Who did what to what, from where, with which request. */
export interface AuditEntry {
  readonly action: string
  readonly caller: Caller
  readonly scope: OrgScope | AppScope | undefined
  /** Wire id of what was changed. */
  readonly resourceId: string | undefined
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly ip: string
  readonly userAgent: string | undefined
}

/** Where audit entries go; handed in by the process. Writes in the transaction of the change that it reports. */
export interface AuditSink {
  write(tx: Tx, entry: AuditEntry): Promise<void>
}
