import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'

/**
 * What a failed statement means for its caller:
 * - `unavailable`: the database cannot be used now. Retry later.
 * - `timeout`: the statement took too long. Retry later; it may take too long again.
 * - `locked`: another transaction holds a lock for too long. Retry later.
 * - `conflict`: the transaction was rolled back in favour of another one. Retry soon.
 * - `full`: the disk or the memory of the database is used up. An operator must act.
 */
export type DatabaseFailureKind = 'unavailable' | 'timeout' | 'locked' | 'conflict' | 'full'

export interface DatabaseFailure {
  readonly kind: DatabaseFailureKind
  /** The connection was lost while a statement was executing: it may have been committed. */
  readonly mayHaveTakenEffect: boolean
}

/** SQLSTATEs, and classes of SQLSTATEs by their first two characters. Any other SQLSTATE is a defect of the server. */
const sqlStates: Readonly<Record<string, DatabaseFailureKind>> = {
  // Connection exceptions.
  '08': 'unavailable',
  // The account or the database is not accepted: an operator is changing it.
  '28': 'unavailable',
  '3D000': 'unavailable',
  // A standby, or a database that was made read-only.
  '25006': 'unavailable',
  // Ended because the session or the transaction was idle, or the transaction took too long.
  '25P03': 'unavailable',
  '25P04': 'unavailable',
  '40': 'conflict',
  '53': 'full',
  '53300': 'unavailable',
  '53400': 'unavailable',
  '55P03': 'locked',
  // Cancelled, as by the statement timeout.
  '57014': 'timeout',
  // Shutting down, crashed, starting, dropped, idle for too long.
  '57P': 'unavailable',
  // A system error, such as a failed read of the disk.
  '58': 'unavailable',
}

/** The database ends the connection with these; the transaction may have been committed just before. */
const endsConnection = /^(08|57P0[124]|40003)/

/** The SQLSTATEs with which the triggers refuse a new row of a deleted container; see tenant-guards.ts. */
const deletedTenants: Readonly<Record<string, Tenant>> = { TD001: 'application', TD002: 'organization' }
const foreignKeyViolation = '23503'

/** What contains the rows of a tenant. */
export type Tenant = 'application' | 'organization'

const networkCodes =
  /^(ECONN|EPIPE$|ETIMEDOUT$|EHOST|ENET|EADDRNOTAVAIL$|EAI_|ENOTFOUND$|EMFILE$|ENFILE$|ERR_SSL|ERR_TLS)/
/** Messages of the driver's errors, which have no code. */
const driverMessages = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  'Cannot use a pool after',
  'Query read timeout',
  'The server does not support SSL',
  'There was an error establishing an SSL connection',
  'timeout exceeded when trying to connect',
  'timeout expired',
]

const connecting = new WeakSet<Error>()
const executing = new WeakSet<Error>()
const witness = new AsyncLocalStorage<{ failure?: unknown }>()

/** The database could not be used, for a reason that the server itself has found. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
  readonly kind: DatabaseFailureKind

  constructor(message: string, kind: DatabaseFailureKind = 'unavailable') {
    super(message)
    this.kind = kind
  }
}

/**
 * Records that an error came from a database connection, and returns it. Only the source distinguishes a reset
 * database connection from a reset connection of a client or of a third party: their codes are the same.
 */
export function fromDatabase(error: unknown, while_: 'connecting' | 'executing'): unknown {
  if (!(error instanceof Error)) return error
  // Every refusal of a new connection, such as by a database that accepts no connections, can end: retry later.
  const isConnection = isConnectionError(error) || (while_ === 'connecting' && error instanceof pg.DatabaseError)
  if (isConnection) (while_ === 'connecting' ? connecting : executing).add(error)
  const seen = witness.getStore()
  if (seen !== undefined && seen.failure === undefined && databaseFailureOf(error) !== undefined) seen.failure = error
  return error
}

/** The database failure that an error or one of its causes reports; undefined for everything else, such as a defect. */
export function databaseFailureOf(error: unknown): DatabaseFailure | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const failure = ownFailureOf(current)
    if (failure !== undefined) return failure
  }
  return undefined
}

/** True for failures that every other statement would meet too, so that trying parts of the work is pointless. */
export function isDatabaseOutage(error: unknown): boolean {
  const kind = databaseFailureOf(error)?.kind
  return kind === 'unavailable' || kind === 'full'
}

/** The tenant whose deletion is why a statement failed that adds a row to it; undefined for everything else. */
export function deletedTenantOf(error: unknown): Tenant | undefined {
  if (!(error instanceof pg.DatabaseError)) return undefined
  const { code = '', detail = '', table } = error
  if (code !== foreignKeyViolation) return deletedTenants[code]
  // The tenant's row was removed too. The detail names the table that lacks it, in a sentence in the language of the
  // database. The same state refuses to delete a row that others refer to: then the detail names their table.
  const lacks = (parent: string) => table !== parent && new RegExp(`\\b${parent}\\b`).test(detail)
  if (lacks('applications')) return 'application'
  return lacks('organizations') ? 'organization' : undefined
}

/**
 * Runs the code of a library that replaces the errors of the database by its own: if it fails after a database
 * failure, throws the database failure instead.
 */
export async function revealDatabaseFailures<T>(work: () => Promise<T>): Promise<T> {
  const seen: { failure?: unknown } = {}
  try {
    return await witness.run(seen, work)
  } catch (error) {
    throw seen.failure ?? error
  }
}

function ownFailureOf(error: Error): DatabaseFailure | undefined {
  if (error instanceof DatabaseUnavailable) return { kind: error.kind, mayHaveTakenEffect: false }
  if (connecting.has(error)) return { kind: 'unavailable', mayHaveTakenEffect: false }
  if (error instanceof pg.DatabaseError) {
    const { code = '' } = error
    const kind = sqlStates[code] ?? sqlStates[code.slice(0, 3)] ?? sqlStates[code.slice(0, 2)]
    return kind === undefined ? undefined : { kind, mayHaveTakenEffect: endsConnection.test(code) }
  }
  return executing.has(error) ? { kind: 'unavailable', mayHaveTakenEffect: true } : undefined
}

function isConnectionError(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Happy eyeballs: each address of the name refused.
  if (networkCodes.test(code) || error instanceof AggregateError) return true
  // The socket of the embedded server does not exist while it is down.
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect'
  return driverMessages.some((message) => error.message.startsWith(message))
}
