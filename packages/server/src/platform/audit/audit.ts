import type { AppScope, Caller, OrgScope } from '../access/caller.ts'

/** A part of the server that acts by itself, such as `schedules`. */
export interface SystemActor {
  readonly kind: 'system'
  readonly part: string
}

/** The request that caused an entry. */
export interface AuditedRequest {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly ip: string
  readonly userAgent: string | undefined
}

/** Records who did what, to what, from where and in which request. */
export interface AuditEntry {
  readonly action: string
  readonly actor: Caller | SystemActor
  readonly scope: OrgScope | AppScope | undefined
  /** Wire id of the changed resource. */
  readonly resourceId: string | undefined
  /** The changed fields. Secrets are already masked. */
  readonly changes?: AuditChanges | undefined
  /** Absent if the server acted without a request. */
  readonly request?: AuditedRequest
}

/** `{field: {before, after}}` of the fields that differ. */
export type AuditChanges = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>

/** What a change adds to its entry, besides the data of its request. */
export interface AuditSubject {
  readonly resourceId: string
  readonly changes?: AuditChanges
  /** The actor, if it became known only during the change. */
  readonly actor?: Caller
  /** A tenant other than the one that the request was authorized for; null if the change deleted the tenant. */
  readonly scope?: OrgScope | null
}
