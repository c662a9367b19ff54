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
import { AbortableClient } from './abortable-client.ts'
import { fromDatabase, type DatabaseFailureKind } from './database-failure.ts'
import { ConnectionShares } from './connection-shares.ts'
import { LockWaits } from './lock-waits.ts'
import { PoolDriver, TenantConnections, type TenantUse } from './pool-driver.ts'
import { QueueTimes } from './queue-times.ts'
import type { DB } from './schema.generated.ts'
import { canActAsTenant } from './tenant-role.ts'

/** Any connection: the pool or a transaction. */
export type Db = Kysely<DB>
/** A transaction, for functions that require one. */
export type Tx = Transaction<DB>

export interface Database {
  /** Unscoped: sees every organization's rows. */
  readonly db: Db
  /**
   * Sees only one organization's rows, even if a statement lacks the condition. Uses the same pool. `operation` names
   * what the statements belong to: it may use few connections while its statements wait for locks.
   */
  dbOf(organizationId: string, operation?: string): Db
  /** How long requests wait for a connection. */
  readonly waits: QueueTimes
  /** How statements failed in the last 10 seconds. */
  recentFailures(): ReadonlySet<DatabaseFailureKind>
  /** The same with a pool of its own: work in the background never takes the connections of requests. */
  readonly background: Pick<Database, 'db' | 'dbOf' | 'pool'>
  /**
   * False if the account may not act as the tenant role: then `dbOf` sees all rows, and only the conditions of the
   * statements separate tenants.
   */
  hasRowSecurity(): Promise<boolean>
  /** For statements outside Kysely, such as LISTEN. Its connections may have any tenant set. */
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

interface PoolOptions {
  /** The most connections of requests. */
  readonly connectionsMax: number
  /** The most connections of background work; half of `connectionsMax` by default, and at least 2. */
  readonly backgroundConnectionsMax?: number
  /** How long a request waits for a connection, in milliseconds; 5 seconds by default. */
  readonly connectionWaitMs?: number
  readonly log: Log
}

/**
 * The limits of requests: one that waits longer is answered 503, so that it does not keep a connection that others
 * need.
 */
const requestLimits = { connectionTimeoutMillis: 5_000, statement_timeout: 30_000, lock_timeout: 2_000 }
/** Nobody waits for background work: it may wait longer for a connection and for a lock. */
const backgroundLimits = { connectionTimeoutMillis: 15_000, statement_timeout: 60_000, lock_timeout: 20_000 }
/** The answer to a statement must arrive this long after its timeout, or its connection is ended. */
const answerMarginMs = 5_000

/** Opens a pool for requests and one for background work. Nothing is sent until the first query. */
export function openDatabase(address: DatabaseAddress, options: PoolOptions): Database {
  const { connectionsMax, log } = options
  // One more for those who hold one already, see ConnectionShares: no other work can use it.
  const requests = openPool(address, { ...requestLimits, max: connectionsMax + 1 }, log)
  const max = options.backgroundConnectionsMax ?? Math.max(2, Math.floor(connectionsMax / 2))
  const background = openPool(address, { ...backgroundLimits, max }, log)
  let rowSecurity: Promise<boolean> | undefined
  const hasRowSecurity = (): Promise<boolean> =>
    (rowSecurity ??= canActAsTenant(requests).catch((error: unknown) => {
      rowSecurity = undefined
      throw fromDatabase(error, 'connecting')
    }))
  const tenantOf = async (organizationId: string) => ((await hasRowSecurity()) ? organizationId : '')
  const drivers = { requests: new PoolDriver(requests), background: new PoolDriver(background) }
  const lockWaits = new LockWaits(connectionsMax)
  const waits = new QueueTimes()
  const waitMaxMs = options.connectionWaitMs ?? requestLimits.connectionTimeoutMillis
  const shares = new ConnectionShares({ connectionsMax, waitMaxMs }, waits)
  const unscoped = { owner: '', rowsOf: () => '' }
  const scoped = (organizationId: string) => ({ owner: organizationId, rowsOf: () => tenantOf(organizationId) })
  const locksOf = (organizationId: string, operation: string | undefined) =>
    operation === undefined ? undefined : { waits: lockWaits, use: { operation, organizationId } }
  return {
    db: kyselyOver(drivers.requests, { ...unscoped, shares }),
    dbOf: (organizationId, operation) =>
      kyselyOver(drivers.requests, { ...scoped(organizationId), shares, locks: locksOf(organizationId, operation) }),
    background: {
      db: kyselyOver(drivers.background, unscoped),
      dbOf: (organizationId) => kyselyOver(drivers.background, scoped(organizationId)),
      pool: background,
    },
    waits,
    recentFailures: () => new Set([...drivers.requests.recentFailures(), ...drivers.background.recentFailures()]),
    hasRowSecurity,
    pool: requests,
    async close() {
      await Promise.all([drivers.requests.destroy(), drivers.background.destroy()])
    },
  }
}

function openPool(address: DatabaseAddress, limits: pg.PoolConfig & { statement_timeout: number }, log: Log): pg.Pool {
  const pool = new pg.Pool({
    ...address,
    ...limits,
    types,
    Client: AbortableClient,
    idleTimeoutMillis: 60_000,
    query_timeout: limits.statement_timeout + answerMarginMs,
    // Without it, a connection whose peer has vanished looks idle for hours.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'appstrate',
    // Send statements without waiting for the results of earlier ones.
    pipeline: true,
  })
  // An idle connection that the server closed is replaced by the pool; without a listener it would end the process.
  // Log only its message: the error contains the whole client, which is kilobytes per line.
  pool.on('error', (error) => log.warn({ reason: error.message }, 'An idle database connection was lost.'))
  // The same for a connection that breaks while it is checked out: its query fails, which reports the error.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.debug({ reason: error.message }, 'A database connection was lost.')),
  )
  return pool
}

const adapter = new PostgresAdapter()
const compiler = new PostgresQueryCompiler()

// One is created for each request, so the expensive parts are shared.
function kyselyOver(driver: PoolDriver, use: TenantUse): Db {
  const dialect = {
    createAdapter: () => adapter,
    createDriver: () => driver,
    createIntrospector: (db: Kysely<DB>) => new PostgresIntrospector(db),
    createQueryCompiler: () => compiler,
  }
  const executor = new DefaultQueryExecutor(compiler, adapter, new TenantConnections(driver, use))
  return new Kysely<DB>({ config: { dialect }, dialect, driver, executor })
}

/** True when `error` is PostgreSQL's unique violation (SQLSTATE 23505) of the named constraint. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === constraint
}
