import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { loadPassword, requirePassword, requiresPassword, rulesFile, writeOpenRules } from './access-rules.ts'
import { waitForPredecessor } from './cluster-processes.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { asUnavailable } from './embedded-postgres-unavailable.ts'
import { clusterOwner, initializeCluster, type ClusterSite } from './initialize-cluster.ts'
import { chooseLauncher } from './launcher.ts'
import { findPostgresBinaries } from './postgres-binaries.ts'
import { ClusterInUse, startPostmaster, type Postmaster } from './postmaster.ts'
import type { EmbeddedLog } from './server-log.ts'
import { serverArguments } from './server-settings.ts'
import { createSocketDirectory, removeSocketDirectory, socketPort } from './socket-directory.ts'

export { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'

/** A running PostgreSQL that only its user can reach, through a Unix socket and with a password. */
export interface EmbeddedPostgres {
  readonly socketDir: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly pid: number
  /** Resolves with the reason when the postmaster ends without `stop`. */
  readonly exited: Promise<string>
  /** Ends every session, checkpoints and stops; idempotent. */
  stop(): Promise<void>
}

interface EmbeddedPostgresOptions {
  /** DATA_DIR; the cluster is in its subdirectory `postgres`. */
  readonly dataDir: string
  readonly log: EmbeddedLog
  /** PostgreSQL settings that override the tuning; settings that keep the server private cannot be changed. */
  readonly settings?: Readonly<Record<string, string>>
}

const database = 'postgres'
const predecessorWaitMs = 10_000

/**
 * Starts the embedded PostgreSQL in DATA_DIR, creating it on the first boot.
 * Throws EmbeddedPostgresUnavailable if this host, the directory or another server prevents that.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir)
  try {
    const site = { clusterDir: join(dataDir, 'postgres'), binaries: findPostgresBinaries(), launcher: chooseLauncher() }
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const lock = await lockDataDir(dataDir)
    // In this order: once the lock is released, the socket directory may belong to the next server.
    const cleanUp = (): void => {
      removeSocketDirectory(dataDir)
      lock.release()
    }
    try {
      return embeddedPostgres(await startLocked({ ...options, dataDir }, site), cleanUp)
    } catch (error) {
      cleanUp()
      throw error
    }
  } catch (error) {
    throw asUnavailable(error, dataDir)
  }
}

interface Running {
  readonly postmaster: Postmaster
  readonly socketDir: string
  readonly password: string
}

function embeddedPostgres({ postmaster, socketDir, password }: Running, cleanUp: () => void): EmbeddedPostgres {
  const { pid, exited } = postmaster
  const cleanedUp = postmaster.ended.then(cleanUp)
  const stop = async (): Promise<void> => {
    await postmaster.stop()
    await cleanedUp
  }
  return { socketDir, port: socketPort, user: clusterOwner, password, database, pid, exited, stop }
}

async function startLocked(options: EmbeddedPostgresOptions, site: ClusterSite): Promise<Running> {
  if ((await initializeCluster(site)) === 'created')
    options.log.info({ dataDir: options.dataDir }, 'Created the embedded database.')
  const deadlineMs = Date.now() + predecessorWaitMs
  for (;;) {
    await waitForPredecessor(site.clusterDir, deadlineMs)
    try {
      return await startOnce(options, site)
    } catch (error) {
      // A predecessor may become visible only now: between its fork and its first lock file it cannot be found.
      if (!(error instanceof ClusterInUse) || Date.now() > deadlineMs) throw error
      await sleep(50)
    }
  }
}

async function startOnce(options: EmbeddedPostgresOptions, site: ClusterSite): Promise<Running> {
  // A cluster that an earlier version created has no password.
  if (!requiresPassword(site.clusterDir)) await setPassword(options, site)
  try {
    return await startProtected(options, site)
  } catch (error) {
    if (!isWrongPassword(error)) throw error
    // The file with the password was lost, or restored from another backup than the cluster.
    await setPassword(options, site)
    return startProtected(options, site)
  }
}

async function startProtected(options: EmbeddedPostgresOptions, site: ClusterSite): Promise<Running> {
  const socketDir = createSocketDirectory(options.dataDir)
  const postmaster = await start(options, site, { socketDir, rulesFile: rulesFile(site.clusterDir) })
  try {
    const password = loadPassword(options.dataDir)
    await withClient({ host: socketDir, password }, (client) => client.query('select 1'))
    return { postmaster, socketDir, password }
  } catch (error) {
    await postmaster.stop()
    throw error
  }
}

/** Sets the owner's password on a server that runs for that alone, and then makes the cluster require it. */
async function setPassword(options: EmbeddedPostgresOptions, site: ClusterSite): Promise<void> {
  const socketDir = createSocketDirectory(options.dataDir)
  const postmaster = await start(options, site, { socketDir, rulesFile: writeOpenRules(socketDir) })
  try {
    await withClient({ host: socketDir }, (client) =>
      client.query(`alter role ${clusterOwner} password ${pg.escapeLiteral(loadPassword(options.dataDir))}`),
    )
  } finally {
    await postmaster.stop()
  }
  requirePassword(site.clusterDir)
  options.log.info({ dataDir: options.dataDir }, 'The embedded database now requires a new password.')
}

function start(
  { dataDir, log, settings = {} }: EmbeddedPostgresOptions,
  site: ClusterSite,
  place: { readonly socketDir: string; readonly rulesFile: string },
): Promise<Postmaster> {
  return startPostmaster({ ...site, dataDir, log, serverArguments: serverArguments({ ...place, overrides: settings }) })
}

async function withClient(
  address: { readonly host: string; readonly password?: string },
  use: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client({
    ...address,
    port: socketPort,
    user: clusterOwner,
    database,
    ssl: false,
    connectionTimeoutMillis: 10_000,
  })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

function isWrongPassword(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '28P01'
}
