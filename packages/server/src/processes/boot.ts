import { PriceFileBroken } from '../features/catalog/models/index.ts'
import { features } from '../features/index.ts'
import { ConfigMistakes, parseConfig, type Config } from '../platform/config/config.ts'
import { OperatorError } from '../platform/problems/operator-error.ts'
import { loadSecrets } from '../platform/config/secrets.ts'
import { checkKeyFingerprints } from '../platform/crypto/key-fingerprints.ts'
import { openDatabase, type Database } from '../platform/db/database.ts'
import { EmbeddedPostgresUnavailable } from '../platform/db/embedded/embedded-postgres-unavailable.ts'
import { startEmbeddedPostgres } from '../platform/db/embedded/start-embedded-postgres.ts'
import { migrate, MigrationMismatch } from '../platform/db/migrate.ts'
import { checkFeatures } from '../platform/http/check-features.ts'
import { createLog, type Log } from '../platform/log/log.ts'
import { openStandardOutput, type LogOutput } from '../platform/log/log-output.ts'
import { openPlatform, type OpenPlatform } from '../platform/open-platform.ts'

/** An opened server, and how to close it. */
export interface Booted {
  readonly config: Config
  readonly log: Log
  readonly logOutput: LogOutput
  readonly platform: OpenPlatform
  /** Closes the platform and stops the embedded database. */
  close(): Promise<void>
}

/** Reads the configuration, migrates the database and opens the platform. Exits with one line per mistake. */
export async function boot(): Promise<Booted> {
  checkFeatures(features)
  const config = readConfig()
  const logOutput = openStandardOutput()
  process.once('exit', () => logOutput.close())
  // What prints without the log, such as the lines of the first run, must not end the process when nobody reads it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  const log = createLog(config.LOG_LEVEL, logOutput)
  try {
    return { ...(await openAll(config, log)), logOutput }
  } catch (error) {
    return giveUp(explain(error))
  }
}

async function openAll(config: Config, log: Log): Promise<Omit<Booted, 'logOutput'>> {
  const secrets = await loadSecrets(config)
  const { database, stop } = await connect(config, log)
  try {
    const applied = await migrate(database.pool)
    if (applied.length > 0) log.info({ applied }, 'The database schema was migrated.')
    const missing = await checkKeyFingerprints(database.pool, secrets.encryptionKeys)
    if (missing.length > 0)
      log.warn({ versions: missing }, 'ENCRYPTION_KEYS lacks earlier keys: what they encrypted cannot be read.')
    if (!(await database.hasRowSecurity()))
      log.warn(
        'The database account is not allowed to create or use the role appstrate_tenant: ' +
          'row-level security is off (see "Production" in README.md).',
      )
    const platform = await openPlatform({ features, config, secrets, database, log })
    return {
      config,
      log,
      platform,
      async close() {
        await platform.close()
        await stop()
      },
    }
  } catch (error) {
    await database.close()
    await stop()
    throw error
  }
}

async function connect(config: Config, log: Log): Promise<{ database: Database; stop(): Promise<void> }> {
  const options = { ...connectionsOf(config), log }
  if (config.DATABASE_URL !== undefined)
    return { database: openDatabase({ connectionString: config.DATABASE_URL }, options), stop: async () => undefined }
  const server = await startEmbeddedPostgres({ dataDir: config.DATA_DIR, log })
  let stopping = false
  void server.exited.then((reason) => {
    if (!stopping) log.fatal({ reason }, 'The embedded database exited: the server cannot continue.')
    if (!stopping) process.exit(1)
  })
  const { socketDir: host, port, user, password, database } = server
  const address = { host, port, user, password, database }
  return {
    database: openDatabase(address, options),
    async stop() {
      stopping = true
      await server.stop()
    },
  }
}

/** Requests and background work have connections of their own: a process of one role needs few for the other. */
function connectionsOf({ ROLE, DATABASE_POOL: total }: Config) {
  const background = { all: Math.floor(total / 2), api: 2, worker: total - 1 }[ROLE]
  const backgroundConnectionsMax = Math.max(2, background)
  return { connectionsMax: Math.max(1, total - backgroundConnectionsMax), backgroundConnectionsMax }
}

function readConfig(): Config {
  try {
    return parseConfig(process.env, features)
  } catch (error) {
    return giveUp(error instanceof ConfigMistakes ? error.mistakes : explain(error))
  }
}

/** Exits with lines for the operator on stderr. */
export function giveUp(lines: readonly string[]): never {
  for (const line of lines) console.error(`appstrate: ${line}`)
  process.exit(1)
}

// Errors that an operator can fix, by the error code of PostgreSQL or the operating system.
const operatorErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The database of DATABASE_URL cannot be used',
  ENOTFOUND: 'The database of DATABASE_URL cannot be used',
  '28P01': 'The database of DATABASE_URL cannot be used',
  '3D000': 'The database of DATABASE_URL cannot be used',
  EACCES: 'DATA_DIR cannot be used',
  ENOSPC: 'DATA_DIR cannot be used',
  EROFS: 'DATA_DIR cannot be used',
}

const oneLineErrors = [OperatorError, EmbeddedPostgresUnavailable, MigrationMismatch, PriceFileBroken] as const

/** One line for an error that an operator can fix; the stack trace for an internal error. */
export function explain(error: unknown): string[] {
  // A parser's message quotes the text, with its line breaks.
  if (error instanceof Error && oneLineErrors.some((type) => error instanceof type))
    return [error.message.replaceAll(/\s*\n\s*/g, ' ')]
  if (!(error instanceof Error)) return ['The server could not start.']
  const known = 'code' in error && typeof error.code === 'string' ? operatorErrors[error.code] : undefined
  return known === undefined ? [error.stack ?? error.message] : [`${known}: ${error.message}`]
}
