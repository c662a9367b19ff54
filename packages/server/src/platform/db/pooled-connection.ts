import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type pg from 'pg'
import { AbortableClient } from './abortable-client.ts'
import { databaseFailureOf, fromDatabase } from './database-failure.ts'
import { forgetAfterSchemaChange, nameOf, preparedMax } from './statement-names.ts'

/** The role that tenant requests run as. It owns no tables, so row-level security applies to it. */
export const tenantRole = 'appstrate_tenant'

const enterTenant = "select set_config('role', $1, false), set_config('appstrate.organization_id', $2, false)"

const lastStatements = new WeakSet<CompiledQuery>()

/** Commits the transaction with this statement, in the same round trip. No further statement may follow. */
export function asLast<R>(query: CompiledQuery<R>): CompiledQuery<R> {
  lastStatements.add(query)
  return query
}

/**
 * A connection of the pool, for Kysely. PostgreSQL executes statements in the order in which they are sent, so a
 * preparing statement (setting the tenant, `begin`) is sent ahead without waiting. If it fails, the next one fails.
 */
export class PooledConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient
  #organizationId = ''
  #ahead: Promise<unknown> | undefined
  #committed: Promise<pg.QueryResult> | undefined
  #isBroken = false
  #unanswered = 0
  #waitingSinceMs = 0
  #serverPid: number | undefined
  /** The names of the statements that were prepared on the connection. */
  readonly #prepared = new Set<string>()

  constructor(client: pg.PoolClient) {
    this.#client = client
    // Not the id that the driver knows: with a connection pooler in between, that is the pooler's.
    void handled(
      this.#track(client.query<{ pid: number }>('select pg_backend_pid() as pid')).then(({ rows }) => {
        this.#serverPid = rows[0]?.pid
      }),
    )
  }

  /** Since when the server has answered nothing although a statement waits, by `performance.now()`. */
  get waitingSinceMs(): number | undefined {
    return this.#unanswered === 0 ? undefined : this.#waitingSinceMs
  }

  /** The id of the server's process; undefined before its first answer. */
  get serverPid(): number | undefined {
    return this.#serverPid
  }

  /** Ends the connection at once; its statements fail. */
  abort(): void {
    this.#isBroken = true
    if (this.#client instanceof AbortableClient) this.#client.abort()
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#committed !== undefined)
      throw new Error('The transaction is committed already: no statement may follow its last one.')
    const answer = this.#send(query.sql, query.parameters)
    if (lastStatements.has(query)) this.#committed = handled(this.#send('commit'))
    const { command, rowCount, ...rest } = await answer
    await this.#settleAhead()
    // The author of the statement declares the type of its rows.
    const rows = rest.rows as R[]
    return isChange(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
  }

  streamQuery(): never {
    throw new Error('Rows are read in pages, not streamed.')
  }

  /** Limits later statements to the rows of one organization; '' removes the limit. Not within a transaction. */
  enter(organizationId: string): void {
    if (organizationId === this.#organizationId) return
    this.#organizationId = organizationId
    this.#sendAhead(enterTenant, [organizationId === '' ? 'none' : tenantRole, organizationId])
  }

  begin(statement: string): void {
    this.#sendAhead(statement)
  }

  /** Returns the executed command: `ROLLBACK` instead of `COMMIT` if a statement of the transaction had failed. */
  async commit(): Promise<string> {
    const { command } = await (this.#committed ?? this.#send('commit'))
    this.#committed = undefined
    await this.#settleAhead()
    return command
  }

  async rollback(): Promise<void> {
    const committed = this.#committed
    this.#committed = undefined
    this.#ahead = undefined
    // A commit after a failed statement has already rolled back, and so has a failed commit.
    if (committed !== undefined) return void (await committed.catch(() => undefined))
    try {
      await this.#send('rollback')
    } catch (error) {
      this.#isBroken = true
      throw error
    }
  }

  release(): void {
    this.#client.release(this.#isBroken || this.#prepared.size > preparedMax)
  }

  #sendAhead(text: string, values?: readonly unknown[]): void {
    const sent = this.#send(text, values).catch((error: unknown) => {
      this.#isBroken = true
      throw error
    })
    this.#ahead = handled(Promise.all([this.#ahead, sent]))
  }

  // Its results arrive before those of the statement that follows, so this does not wait.
  async #settleAhead(): Promise<void> {
    if (this.#ahead === undefined) return
    await this.#ahead
    this.#ahead = undefined
  }

  async #track<T>(sent: Promise<T>): Promise<T> {
    if (this.#unanswered === 0) this.#waitingSinceMs = performance.now()
    this.#unanswered += 1
    try {
      return await sent
    } finally {
      this.#unanswered -= 1
      this.#waitingSinceMs = performance.now()
    }
  }

  #send(text: string, values?: readonly unknown[]): Promise<pg.QueryResult> {
    const name =
      values === undefined || values.length === 0
        ? undefined
        : nameOf(text, this.#organizationId === '' ? 'all' : 'tenant')
    if (name !== undefined) this.#prepared.add(name)
    // The driver's type requires a mutable array, but the driver does not modify it.
    const sent =
      name === undefined
        ? this.#client.query(text, values as unknown[])
        : this.#client.query({ name, text, values: values as unknown[] })
    return this.#track(sent).catch((error: unknown) => {
      if (name !== undefined) forgetAfterSchemaChange(error)
      fromDatabase(error, 'executing')
      // Another connection may work: this one ends, or its server is read-only since a failover.
      if (databaseFailureOf(error)?.kind === 'unavailable') this.#isBroken = true
      throw error
    })
  }
}

function isChange(command: string): boolean {
  return command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
}

// Marks the rejection as handled; it surfaces when the promise is awaited or through a later statement.
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
