import {
  AbortedTransactionError,
  type ConnectionProvider,
  type DatabaseConnection,
  type Driver,
  type TransactionSettings,
} from 'kysely'
import type pg from 'pg'
import { databaseFailureOf, fromDatabase, type DatabaseFailureKind } from './database-failure.ts'
import type { ConnectionShares } from './connection-shares.ts'
import type { DatabaseUse, LockWaits } from './lock-waits.ts'
import { PooledConnection } from './pooled-connection.ts'
import { SilenceWatch } from './silence-watch.ts'

const recentMs = 10_000

/** Kysely's driver over the pool: beginning and committing a transaction need no separate round trips. */
export class PoolDriver implements Driver {
  readonly #pool: pg.Pool
  readonly #silence: SilenceWatch
  readonly #failedAtMs = new Map<DatabaseFailureKind, number>()
  readonly #connections = new WeakMap<pg.PoolClient, PooledConnection>()

  constructor(pool: pg.Pool) {
    this.#pool = pool
    this.#silence = new SilenceWatch(pool.options)
  }

  /** The failures of the last seconds, for those who ask whether the database works. */
  recentFailures(): DatabaseFailureKind[] {
    const sinceMs = performance.now() - recentMs
    return [...this.#failedAtMs].filter(([, atMs]) => atMs > sinceMs).map(([kind]) => kind)
  }

  /** Remembers what failed. */
  note(kind: DatabaseFailureKind): void {
    this.#failedAtMs.set(kind, performance.now())
  }

  async init(): Promise<void> {
    // The pool connects on demand.
  }

  async acquireConnection(): Promise<PooledConnection> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw fromDatabase(error, 'connecting')
    })
    const connection = this.#connections.get(client) ?? new PooledConnection(client)
    this.#connections.set(client, connection)
    this.#silence.add(connection)
    return connection
  }

  async beginTransaction(
    connection: DatabaseConnection,
    { isolationLevel, accessMode }: TransactionSettings,
  ): Promise<void> {
    const modes = [
      isolationLevel === undefined ? '' : ` isolation level ${isolationLevel}`,
      accessMode === undefined ? '' : ` ${accessMode}`,
    ]
    pooled(connection).begin(`begin${modes.join('')}`)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    if ((await pooled(connection).commit()) === 'ROLLBACK') throw new AbortedTransactionError()
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return pooled(connection).rollback()
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.#silence.remove(pooled(connection))
    pooled(connection).release()
  }

  async destroy(): Promise<void> {
    this.#silence.stop()
    if (!this.#pool.ended) await this.#pool.end()
  }
}

/** For whom connections are used. */
export interface TenantUse {
  /** The organization, or '' for statements that belong to none. */
  readonly owner: string
  /** The organization whose rows the connections see; all rows with ''. */
  rowsOf(): Promise<string> | string
  /** Shares the connections between the owners; without it, they are used in the order of the requests. */
  readonly shares?: ConnectionShares | undefined
  readonly locks?: { readonly waits: LockWaits; readonly use: DatabaseUse } | undefined
}

/** Provides connections of a pool to one organization, or to statements that belong to none. */
export class TenantConnections implements ConnectionProvider {
  readonly #driver: PoolDriver
  readonly #use: TenantUse

  constructor(driver: PoolDriver, use: TenantUse) {
    this.#driver = driver
    this.#use = use
  }

  provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    const { waits, use } = this.#use.locks ?? {}
    if (waits === undefined || use === undefined) return this.#share(consumer)
    return waits.within(use, () =>
      this.#share(consumer).catch((error: unknown) => {
        if (databaseFailureOf(error)?.kind === 'locked') waits.report(use)
        throw error
      }),
    )
  }

  async #share<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    const { owner, shares } = this.#use
    // Resolve this before checking out a connection: the lookup needs one too, and with an exhausted pool both would
    // deadlock.
    const rowsOf = await this.#use.rowsOf()
    const provide = () => this.#provide(rowsOf, consumer)
    return shares === undefined ? provide() : shares.use(owner, provide)
  }

  async #provide<T>(organizationId: string, consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    const connection = await this.#driver.acquireConnection()
    try {
      connection.enter(organizationId)
      return await consumer(connection)
    } catch (error) {
      const failure = databaseFailureOf(error)
      if (failure !== undefined) this.#driver.note(failure.kind)
      throw error
    } finally {
      await this.#driver.releaseConnection(connection)
    }
  }
}

function pooled(connection: DatabaseConnection): PooledConnection {
  if (connection instanceof PooledConnection) return connection
  throw new Error('The connection does not belong to this driver.')
}
