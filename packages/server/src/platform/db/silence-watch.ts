import type pg from 'pg'
import { clientOfPool } from './client-of-pool.ts'
import type { PooledConnection } from './pooled-connection.ts'

const checkEveryMs = 1_000
/** A statement that waits for its answer for less than this is not looked at. */
const patienceMs = 1_500
const lookUpMaxMs = 2_000

/** What the server said about a connection that waits: it has nothing to do for it since `idleSince`. */
interface Suspicion {
  readonly waitingSinceMs: number
  readonly idleSince: string
}

/**
 * Ends connections whose answers are lost. A network that swallows packets looks like a statement that takes long, and
 * TCP notices it only after minutes. So this asks the server over a separate connection what it is doing for those that
 * wait: if it is twice idle for one of them, the statement or its answer was lost.
 */
export class SilenceWatch {
  readonly #config: pg.PoolOptions
  readonly #held = new Set<PooledConnection>()
  readonly #suspicions = new WeakMap<PooledConnection, Suspicion>()
  #timer: NodeJS.Timeout | undefined
  #isChecking = false

  /** `config`: how to reach the same server. */
  constructor(config: pg.PoolOptions) {
    this.#config = config
  }

  /** Watches a connection until `remove`. */
  add(connection: PooledConnection): void {
    this.#held.add(connection)
    this.#timer ??= setInterval(() => void this.#check(), checkEveryMs).unref()
  }

  remove(connection: PooledConnection): void {
    this.#held.delete(connection)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #check(): Promise<void> {
    const nowMs = performance.now()
    const waiting = [...this.#held].filter(({ waitingSinceMs }) => nowMs - (waitingSinceMs ?? nowMs) > patienceMs)
    if (waiting.length === 0 || this.#isChecking) return
    this.#isChecking = true
    try {
      const states = await this.#lookUp(
        waiting.flatMap(({ serverPid }) => (serverPid === undefined ? [] : [serverPid])),
      )
      for (const connection of waiting) this.#judge(connection, states)
    } catch {
      // The server cannot be asked now: the statements are no worse than the network. The next check asks again.
    } finally {
      this.#isChecking = false
    }
  }

  #judge(connection: PooledConnection, states: ReadonlyMap<number, string | undefined>): void {
    const { serverPid, waitingSinceMs } = connection
    // A connection whose process id is unknown still waits for its very first answer.
    const idleSince = serverPid === undefined ? 'unknown' : states.has(serverPid) ? states.get(serverPid) : 'gone'
    if (waitingSinceMs === undefined || idleSince === undefined) return void this.#suspicions.delete(connection)
    const earlier = this.#suspicions.get(connection)
    if (earlier?.waitingSinceMs === waitingSinceMs && earlier.idleSince === idleSince) connection.abort()
    else this.#suspicions.set(connection, { waitingSinceMs, idleSince })
  }

  /** By process id: since when the server process is idle; undefined while it works, or if it does not say. */
  async #lookUp(pids: readonly number[]): Promise<Map<number, string | undefined>> {
    const client = clientOfPool(this.#config, {
      connectionTimeoutMillis: lookUpMaxMs,
      query_timeout: lookUpMaxMs,
      application_name: 'appstrate-watch',
    })
    try {
      await client.connect()
      const { rows } = await client.query<{ pid: number; idle_since: string | null }>(
        `select pid, case when state like 'idle%' then state_change::text end as idle_since
         from pg_stat_activity where pid = any($1)`,
        [pids],
      )
      return new Map(rows.map(({ pid, idle_since }) => [pid, idle_since ?? undefined]))
    } finally {
      // A lost network must not delay the next check.
      void client.end().catch(() => undefined)
    }
  }
}
