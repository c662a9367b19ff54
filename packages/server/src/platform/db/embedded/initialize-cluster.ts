import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { loadPassword, passwordFile, requirePassword, syncDirectory } from './access-rules.ts'
import { EmbeddedPostgresUnavailable, failedProgram } from './embedded-postgres-unavailable.ts'
import { launch, launchFailure, type Launcher } from './launcher.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'

/** The role that owns everything in the cluster. */
export const clusterOwner = 'appstrate'

export interface ClusterSite {
  readonly clusterDir: string
  readonly binaries: PostgresBinaries
  readonly launcher: Launcher
}

/**
 * Creates the cluster unless it exists. Atomic: it gets its final name only when it is complete and on disk.
 * Throws EmbeddedPostgresUnavailable, also for a cluster of another user or another major version.
 */
export async function initializeCluster(site: ClusterSite): Promise<'created' | 'existing'> {
  if (isCluster(site)) return 'existing'
  const { clusterDir } = site
  await removeLeftovers(clusterDir)
  loadPassword(dirname(clusterDir))
  const unfinished = mkdtempSync(`${clusterDir}.init-`)
  try {
    await runInitdb(site, unfinished)
    requirePassword(unfinished)
    renameSync(unfinished, clusterDir)
    syncDirectory(dirname(clusterDir))
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return 'created'
}

function isCluster({ clusterDir, binaries }: ClusterSite): boolean {
  if (!existsSync(clusterDir)) return false
  const owner = statSync(clusterDir).uid
  if (process.geteuid !== undefined && owner !== process.geteuid()) {
    throw new EmbeddedPostgresUnavailable(
      `The PostgreSQL data in ${clusterDir} belongs to the user with uid ${owner}`,
      EmbeddedPostgresUnavailable.orOwnDatabase('start Appstrate as that user, choose another DATA_DIR'),
    )
  }
  if (readdirSync(clusterDir).length === 0) return false
  const found = readVersion(clusterDir)
  if (found === String(binaries.majorVersion)) return true
  throw new EmbeddedPostgresUnavailable(
    `${clusterDir} holds ${found === '' ? 'no PostgreSQL cluster' : `data of PostgreSQL ${found}`}, ` +
      `but the embedded server is PostgreSQL ${binaries.majorVersion}`,
    EmbeddedPostgresUnavailable.orOwnDatabase('dump and restore it, choose another DATA_DIR'),
  )
}

function readVersion(clusterDir: string): string {
  const path = join(clusterDir, 'PG_VERSION')
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}

async function removeLeftovers(clusterDir: string): Promise<void> {
  const prefix = `${basename(clusterDir)}.init-`
  for (const name of readdirSync(dirname(clusterDir)).filter((candidate) => candidate.startsWith(prefix))) {
    // A child of the killed initdb may still be writing its last file.
    await rm(join(dirname(clusterDir), name), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

const succeeded = 'succeeded'

async function runInitdb({ binaries, launcher, clusterDir }: ClusterSite, directory: string): Promise<void> {
  const args = [
    '-D',
    directory,
    '--username',
    clusterOwner,
    '--encoding',
    'UTF8',
    '--locale-provider',
    'builtin',
    '--locale',
    'C.UTF-8',
    // Not peer: it compares user names, which differ or are missing inside a user namespace.
    '--auth',
    'scram-sha-256',
    '--pwfile',
    passwordFile(dirname(clusterDir)),
    '--no-instructions',
  ]
  // KILL, because after INT initdb would continue for a while in a directory that the next start removes.
  const child = launch(launcher, { file: binaries.initdb, args, orphanSignal: 'KILL' })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code === 0 ? succeeded : (signal ?? `exit code ${code}`)))
  })
  const said = child.stderr === null ? '' : await text(child.stderr)
  const how = await ended
  if (how === succeeded) return
  if (!said.includes('initdb: ')) throw launchFailure(launcher, said.trim() || how)
  throw failedProgram('The embedded PostgreSQL could not create its files', firstErrors(said), dirname(clusterDir))
}

// initdb prints the failed step last; the server's message about it comes first.
function firstErrors(said: string): string {
  return (
    said
      .split('\n')
      .filter((line) => /(FATAL|PANIC|ERROR|error):|signal/.test(line))
      .slice(0, 2)
      .join(' ') || said.slice(0, 300)
  )
}
