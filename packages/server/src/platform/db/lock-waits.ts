import { DatabaseUnavailable } from './database-failure.ts'

/** How long an operation counts as locked after its last statement that waited too long for a lock. */
const lockedMs = 5_000

/** What a request does, and for whom. */
export interface DatabaseUse {
  readonly operation: string
  readonly organizationId: string
}

/**
 * Bounds the connections that wait for locks. While another transaction holds a lock, requests that need it would take
 * every connection of the pool, each until its lock timeout, and stop requests that do not need it. So an operation
 * that met a lock timeout may use one connection per organization, and all such operations half of the pool, until one
 * succeeds; the others are refused at once.
 */
export class LockWaits {
  readonly #usersMax: number
  /** Until when an operation is locked, by operation and organization. */
  readonly #lockedUntilMs = new Map<string, Map<string, number>>()
  readonly #users = new Set<string>()

  constructor(connectionsMax: number) {
    this.#usersMax = Math.max(1, Math.floor(connectionsMax / 2))
  }

  /** Runs `work`, which uses one connection. Throws DatabaseUnavailable if too many wait for locks already. */
  async within<T>(use: DatabaseUse, work: () => Promise<T>): Promise<T> {
    const isLocked = this.#isLocked(use)
    const user = `${use.operation} ${use.organizationId}`
    if (isLocked) {
      if (this.#users.size >= this.#usersMax || this.#users.has(user))
        throw new DatabaseUnavailable('Too many requests wait for this lock.', 'locked')
      this.#users.add(user)
    }
    try {
      const result = await work()
      if (isLocked) this.#lockedUntilMs.delete(use.operation)
      return result
    } finally {
      if (isLocked) this.#users.delete(user)
    }
  }

  /** A statement of this use waited too long for a lock. */
  report({ operation, organizationId }: DatabaseUse): void {
    const nowMs = performance.now()
    const byOrganization = this.#lockedUntilMs.get(operation) ?? new Map<string, number>()
    for (const [id, untilMs] of byOrganization) if (untilMs <= nowMs) byOrganization.delete(id)
    this.#lockedUntilMs.set(operation, byOrganization.set(organizationId, nowMs + lockedMs))
  }

  // A row that is locked concerns one organization; a lock that two of them meet is on a table and concerns all.
  #isLocked({ operation, organizationId }: DatabaseUse): boolean {
    const byOrganization = this.#lockedUntilMs.get(operation)
    if (byOrganization === undefined) return false
    const nowMs = performance.now()
    const locked = [...byOrganization].filter(([, untilMs]) => untilMs > nowMs).map(([id]) => id)
    return locked.length > 1 || locked.includes(organizationId)
  }
}
