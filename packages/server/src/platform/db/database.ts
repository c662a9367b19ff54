import {
  DefaultQueryExecutor,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Transaction,
} from 'kysely'
import pg from 'pg'
import type { Log } from '../log/log.ts'
import { fromDatabase } from './database-failure.ts'
import { PoolDriver, TenantConnections } from './pool-driver.ts'
import type { DB } from './schema.generated.ts'
import { canActAsTenant } from './tenant-role.ts'

/** Any connection: the pool or a transaction. */
export type Db = Kysely<DB>
/** A transaction, for functions that require one. */
export type Tx = Transaction<DB>

export interface Database {
  /** Unscoped: sees every organization's rows. For background work only. */
  readonly db: Db
  /** Sees only one organization's rows, even if a statement lacks the condition. Uses the same pool. */
  dbOf(organizationId: string): Db
  /**
   * False if the account may not act as the tenant role: then `dbOf` sees all rows, and only the conditions of the
   * statements separate tenants.
   */
  hasRowSecurity(): Promise<boolean>
  /** For LISTEN, NOTIFY and migrations. Its connections may have any tenant set. */
  readonly pool: pg.Pool
  close(): Promise<void>
}

export interface DatabaseAddress {
  readonly connectionString?: string
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
}

// Counts and sizes stay below 2^53. `numeric` stays text, because money must not be a float.
const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, Number)

/** Opens a pool of at most `connectionsMax` connections. Nothing is sent until the first query. */
export function openDatabase(address: DatabaseAddress, options: { connectionsMax: number; log: Log }): Database {
  const pool = new pg.Pool({
    ...address,
    max: options.connectionsMax,
    types,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
    // Without it, a connection whose peer has vanished, such as the one that listens, looks idle for hours.
    keepAlive: true,
    application_name: 'appstrate',
    // Send statements without waiting for the results of earlier ones.
    pipeline: true,
  })
  // An idle connection that the server closed is replaced by the pool; without a listener it would end the process.
  // Log only its message: the error contains the whole client, which is kilobytes per line.
  pool.on('error', (error) => options.log.warn({ reason: error.message }, 'An idle database connection was lost.'))
  // The same for a connection that breaks while it is checked out: its query fails, which reports the error.
  pool.on('connect', (client) =>
    client.on('error', (error) => options.log.debug({ reason: error.message }, 'A database connection was lost.')),
  )
  const driver = new PoolDriver(pool)
  let rowSecurity: Promise<boolean> | undefined
  const hasRowSecurity = (): Promise<boolean> =>
    (rowSecurity ??= canActAsTenant(pool).catch((error: unknown) => {
      rowSecurity = undefined
      throw fromDatabase(error, 'connecting')
    }))
  const db = kyselyOver(driver, () => '')
  return {
    db,
    dbOf: (organizationId) => kyselyOver(driver, async () => ((await hasRowSecurity()) ? organizationId : '')),
    hasRowSecurity,
    pool,
    close: () => driver.destroy(),
  }
}

const adapter = new PostgresAdapter()
const compiler = new PostgresQueryCompiler()

// One is created for each request, so the expensive parts are shared.
function kyselyOver(driver: PoolDriver, organizationId: () => Promise<string> | string): Db {
  const dialect = {
    createAdapter: () => adapter,
    createDriver: () => driver,
    createIntrospector: (db: Kysely<DB>) => new PostgresIntrospector(db),
    createQueryCompiler: () => compiler,
  }
  const executor = new DefaultQueryExecutor(compiler, adapter, new TenantConnections(driver, organizationId))
  return new Kysely<DB>({ config: { dialect }, dialect, driver, executor })
}

/** True when `error` is PostgreSQL's unique violation (SQLSTATE 23505) of the named constraint. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === constraint
}
