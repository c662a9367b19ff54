import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type pg from 'pg'
import { forgetAfterSchemaChange, nameOf } from './statement-names.ts'

/** What a tenant's requests work as: it owns nothing, so that row-level security holds for it. */
export const tenantRole = 'appstrate_tenant'

const enterTenant = "select set_config('role', $1, false), set_config('appstrate.organization_id', $2, false)"

const lastStatements = new WeakSet<CompiledQuery>()

/** Has the transaction committed right behind this statement, in the same round trip; nothing may follow it in the transaction. */
export function asLast<R>(query: CompiledQuery<R>): CompiledQuery<R> {
  lastStatements.add(query)
  return query
}

/**
 * A connection of the pool as Kysely sees it. PostgreSQL answers statements in the order in which they are sent, so what only prepares
 * the next one (entering a tenant, `begin`) is sent ahead of it without waiting; a failure of it fails that next statement.
 */
export class PooledConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient
  #organizationId = ''
  #ahead: Promise<unknown> | undefined
  #committed: Promise<pg.QueryResult> | undefined
  #isBroken = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#committed !== undefined)
      throw new Error('The transaction is committed already: no statement may follow its last one.')
    const answer = this.#send(query.sql, query.parameters)
    if (lastStatements.has(query)) this.#committed = handled(this.#send('commit'))
    const { command, rowCount, ...rest } = await answer
    await this.#settleAhead()
    // The statement's author says what its rows are.
    const rows = rest.rows as R[]
    return isChange(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
  }

  streamQuery(): never {
    throw new Error('Rows are read in pages, not streamed.')
  }

  /** From now on statements see the rows of this organization alone; of all of them for ''. Outside of a transaction. */
  enter(organizationId: string): void {
    if (organizationId === this.#organizationId) return
    this.#organizationId = organizationId
    this.#sendAhead(enterTenant, [organizationId === '' ? 'none' : tenantRole, organizationId])
  }

  begin(statement: string): void {
    this.#sendAhead(statement)
  }

  /** The command that PostgreSQL carried out: `ROLLBACK` instead of `COMMIT` when a statement of the transaction had failed. */
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
    // A commit behind a statement that failed has rolled back, and so has one that failed itself.
    if (committed !== undefined) return void (await committed.catch(() => undefined))
    try {
      await this.#send('rollback')
    } catch (error) {
      this.#isBroken = true
      throw error
    }
  }

  release(): void {
    this.#client.release(this.#isBroken)
  }

  #sendAhead(text: string, values?: readonly unknown[]): void {
    const sent = this.#send(text, values).catch((error: unknown) => {
      this.#isBroken = true
      throw error
    })
    this.#ahead = handled(Promise.all([this.#ahead, sent]))
  }

  // Answered before the statement behind them, so this waits for nothing.
  async #settleAhead(): Promise<void> {
    if (this.#ahead === undefined) return
    await this.#ahead
    this.#ahead = undefined
  }

  #send(text: string, values?: readonly unknown[]): Promise<pg.QueryResult> {
    const name =
      values === undefined || values.length === 0
        ? undefined
        : nameOf(text, this.#organizationId === '' ? 'all' : 'tenant')
    // The driver's type has a mutable array, which it does not change.
    if (name === undefined) return this.#client.query(text, values as unknown[])
    const sent = this.#client.query({ name, text, values: values as unknown[] })
    sent.catch(forgetAfterSchemaChange)
    return sent
  }
}

function isChange(command: string): boolean {
  return command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
}

// Its failure is looked at later, or told by another statement's.
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
