import { AsyncLocalStorage } from 'node:async_hooks'
import { createFairSemaphore, QueueFull, WaitedTooLong } from '../concurrency/fair-semaphore.ts'
import { DatabaseUnavailable } from './database-failure.ts'
import type { QueueTimes } from './queue-times.ts'

/** How long an organization shares the pool after another one has used it, in milliseconds. */
const sharedMs = 10_000
/** Statements and transactions of one organization that can wait for a connection. */
const waitingMax = 1_000

export interface ShareLimits {
  /** The connections of the pool. */
  readonly connectionsMax: number
  /** How long a statement can wait for a connection, in milliseconds. */
  readonly waitMaxMs: number
}

/**
 * Shares the connections of a pool between organizations. A free connection goes to the organization that has the
 * fewest. An organization can have all of them while it is the only one that uses the pool; otherwise a quarter stays
 * free for the others, so that they need not wait for the end of its long reads.
 */
export class ConnectionShares {
  readonly #places
  readonly #times: QueueTimes
  readonly #holder = new AsyncLocalStorage<{ holds: boolean }>()
  #lastOwner = ''
  #sharedUntilMs = -Infinity

  constructor({ connectionsMax, waitMaxMs }: ShareLimits, times: QueueTimes) {
    const shared = Math.max(1, connectionsMax - Math.ceil(connectionsMax / 4))
    this.#times = times
    this.#places = createFairSemaphore({
      max: connectionsMax,
      ownerMax: () => (performance.now() < this.#sharedUntilMs ? shared : connectionsMax),
      waitingMax,
      waitMaxMs,
    })
  }

  /**
   * Runs `work`, which uses one connection, when the owner may have one. Throws DatabaseUnavailable if that takes too
   * long. The owner is an organization, or '' for statements that belong to none. Within a transaction, work that needs
   * a second connection runs at once: the pool keeps one connection more for it.
   */
  async use<T>(owner: string, work: () => Promise<T>): Promise<T> {
    // With every connection held by a transaction that waits for a second one, none would ever be free.
    if (this.#holder.getStore()?.holds === true) return work()
    this.#noteOwner(owner)
    const wait = this.#times.begin()
    const held = { holds: true }
    try {
      return await this.#places.run(owner, () => {
        wait.end()
        return this.#holder.run(held, work)
      })
    } catch (error) {
      if (error instanceof QueueFull || error instanceof WaitedTooLong)
        throw new DatabaseUnavailable('Too many requests wait for a connection.', 'timeout')
      throw error
    } finally {
      wait.end()
      held.holds = false
    }
  }

  #noteOwner(owner: string): void {
    // Statements that belong to no organization, such as the check of an API key, belong to every request.
    if (owner === '' || owner === this.#lastOwner) return
    if (this.#lastOwner !== '') this.#sharedUntilMs = performance.now() + sharedMs
    this.#lastOwner = owner
  }
}
