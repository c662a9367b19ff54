import {
  AbortedTransactionError,
  type ConnectionProvider,
  type DatabaseConnection,
  type Driver,
  type TransactionSettings,
} from 'kysely'
import type pg from 'pg'
import { fromDatabase } from './database-failure.ts'
import { PooledConnection } from './pooled-connection.ts'

/** Kysely's driver over the pool: beginning and committing a transaction need no separate round trips. */
export class PoolDriver implements Driver {
  readonly #pool: pg.Pool
  readonly #connections = new WeakMap<pg.PoolClient, PooledConnection>()

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async init(): Promise<void> {
    // The pool connects on demand.
  }

  async acquireConnection(): Promise<PooledConnection> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw fromDatabase(error, 'connecting')
    })
    const known = this.#connections.get(client)
    if (known !== undefined) return known
    const connection = new PooledConnection(client)
    this.#connections.set(client, connection)
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
    pooled(connection).release()
  }

  async destroy(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }
}

/** Provides connections that see one organization's rows, or all rows with ''. */
export class TenantConnections implements ConnectionProvider {
  readonly #driver: PoolDriver
  readonly #organizationId: () => Promise<string> | string

  constructor(driver: PoolDriver, organizationId: () => Promise<string> | string) {
    this.#driver = driver
    this.#organizationId = organizationId
  }

  async provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    // Resolve this before checking out a connection: the lookup needs one too, and with an exhausted pool both would
    // deadlock.
    const organizationId = await this.#organizationId()
    const connection = await this.#driver.acquireConnection()
    try {
      connection.enter(organizationId)
      return await consumer(connection)
    } finally {
      await this.#driver.releaseConnection(connection)
    }
  }
}

function pooled(connection: DatabaseConnection): PooledConnection {
  if (connection instanceof PooledConnection) return connection
  throw new Error('The connection does not belong to this driver.')
}
