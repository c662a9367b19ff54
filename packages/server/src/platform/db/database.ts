import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { Log } from '../log/log.ts'
import { nameStatements } from './named-statements.ts'
import type { DB } from './schema.generated.ts'

/** Any connection: the pool or a transaction. */
export type Db = Kysely<DB>
/** Demands a transaction. */
export type Tx = Transaction<DB>

export interface Database {
  readonly db: Db
  /** For LISTEN and for streams; everything else goes through `db`. */
  readonly pool: pg.Pool
  close(): Promise<void>
}

export interface DatabaseAddress {
  readonly connectionString?: string
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly database?: string
}

// Counts and sizes stay below 2^53; `numeric` stays text, money is never a float.
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
    // Without it a connection whose other end vanished, such as the one that listens, looks idle for hours.
    keepAlive: true,
    application_name: 'appstrate',
  })
  // An idle connection that the server closed is replaced by the pool; without a listener it would end the process.
  // The error itself carries the whole client, kilobytes a line.
  pool.on('error', (error) => options.log.warn({ reason: error.message }, 'An idle database connection was lost.'))
  // The same for one that breaks while it is taken: its query fails, which is enough.
  pool.on('connect', (client) => client.on('error', (error) => options.log.debug({ reason: error.message }, 'A database connection was lost.')))
  nameStatements(pool)
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
  return {
    db,
    pool,
    async close() {
      await db.destroy()
      // Kysely ends only a pool that it has used itself.
      if (!pool.ended) await pool.end()
    },
  }
}

/** True when `error` is PostgreSQL's unique violation (SQLSTATE 23505) of the named constraint. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === constraint
}
