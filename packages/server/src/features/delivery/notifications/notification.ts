import type { AppScope, KeyCaller, UserCaller } from '../../../platform/access/caller.ts'

export interface Notification {
  readonly id: string
  readonly type: string
  readonly message: string
  readonly runId: string | null
  readonly agentId: string | null
  readonly read: boolean
  readonly createdAt: Date
}

/** The recipient who lists notifications and marks them as read. */
export interface Reader {
  readonly kind: 'user' | 'end-user' | 'api-key'
  /** A user's usr_… id; otherwise a UUID. */
  readonly id: string
}

/**
 * A user reads their own notifications and those for every member, an end-user reads their own, and an API key
 * without an end-user reads those for every member: it must not read its creator's own.
 */
export function readerOf(scope: AppScope, caller: UserCaller | KeyCaller): Reader {
  if (scope.endUserId !== null) return { kind: 'end-user', id: scope.endUserId }
  return caller.kind === 'user' ? { kind: 'user', id: caller.userId } : { kind: 'api-key', id: caller.keyId }
}

/** The smallest UUIDv7 of the time that is `ms` milliseconds before the time of `uuid`. */
export function uuidBefore(uuid: string, ms: number): string {
  const madeAtMs = Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)
  const hex = Math.max(0, madeAtMs - ms)
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
