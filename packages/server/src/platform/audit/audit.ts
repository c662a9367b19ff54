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

/** Who did what to what, from where, with which request. */
export interface AuditEntry {
  readonly action: string
  readonly actor: Caller | SystemActor
  readonly scope: OrgScope | AppScope | undefined
  /** Wire id of what was changed. */
  readonly resourceId: string | undefined
  /** What the change changed, by field; secrets are masked before they get here. */
  readonly changes?: AuditChanges | undefined
  /** Absent when nobody asked: the server acted by itself. */
  readonly request?: AuditedRequest
}

/** `{field: {before, after}}` of the fields that differ. */
export type AuditChanges = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>

/** What a change tells of itself, beside the request that asked for it. */
export interface AuditSubject {
  readonly resourceId: string
  readonly changes?: AuditChanges
  /** Who did it, where that was known only in the course of the change. */
  readonly actor?: Caller
  /** Another tenant than the one the request was authorized in; null: none, because the change removed it. */
  readonly scope?: OrgScope | null
}
