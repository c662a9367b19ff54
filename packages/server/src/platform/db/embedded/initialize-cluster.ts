import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
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
 * Creates the cluster unless it exists, all or nothing: it appears under its name when it is complete and on disk.
 * Throws EmbeddedPostgresUnavailable, also for a cluster of another user or another major version.
 */
export async function initializeCluster(site: ClusterSite): Promise<'created' | 'existing'> {
  if (isCluster(site)) return 'existing'
  const { clusterDir } = site
  await removeLeftovers(clusterDir)
  const unfinished = mkdtempSync(`${clusterDir}.init-`)
  try {
    await runInitdb(site, unfinished)
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
    // A helper of the initdb that was killed may still be writing its last file.
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
    // Trust, not peer: peer compares names of uids, and inside a user namespace ours is another one or none.
    // What keeps others out is the socket's directory, which only we may enter.
    '--auth-local',
    'trust',
    '--auth-host',
    'reject',
    '--no-instructions',
  ]
  // On INT initdb would carry on for a while, in a directory that the next start clears away; nothing it made is of use.
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

// initdb names the step that failed last; what the server said about it comes first.
function firstErrors(said: string): string {
  return (
    said
      .split('\n')
      .filter((line) => /(FATAL|PANIC|ERROR|error):|signal/.test(line))
      .slice(0, 2)
      .join(' ') || said.slice(0, 300)
  )
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
