import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

// Every connection needs the password. Nothing listens on TCP; if it did, the password would be needed there too.
const rules = 'local all all scram-sha-256\nhost all all all scram-sha-256\n'
// For a server that runs only until the password is set, with a socket that only this user can reach.
const openRules = 'local all all trust\nhost all all all reject\n'

const passwordBytes = 32

/** The file with the password of the cluster's owner, which only the server's user can read. */
export function passwordFile(dataDir: string): string {
  return join(dataDir, 'postgres.password')
}

/** The password of the cluster's owner, generated at the first call. Requires the lock of DATA_DIR. */
export function loadPassword(dataDir: string): string {
  const path = passwordFile(dataDir)
  const stored = readIfThere(path)?.trim() ?? ''
  if (/^[\w-]{32,}$/.test(stored)) return stored
  const password = randomBytes(passwordBytes).toString('base64url')
  replaceFile(path, `${password}\n`)
  return password
}

/** Whether the cluster's access rules require the password. */
export function requiresPassword(clusterDir: string): boolean {
  return readIfThere(rulesFile(clusterDir)) === rules
}

/** Replaces the cluster's access rules; a running server does not notice. */
export function requirePassword(clusterDir: string): void {
  replaceFile(rulesFile(clusterDir), rules)
}

export function rulesFile(clusterDir: string): string {
  return join(clusterDir, 'pg_hba.conf')
}

/** Writes access rules that require no password into the socket's directory, and returns their path. */
export function writeOpenRules(socketDir: string): string {
  const path = join(socketDir, 'open.conf')
  replaceFile(path, openRules)
  return path
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

// Atomic, and on disk when it returns: a crash leaves the old file or the new one.
function replaceFile(path: string, content: string): void {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  const descriptor = openSync(draft, 'wx', 0o600)
  try {
    writeSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, path)
  syncDirectory(dirname(path))
}

/** Waits until the names in a directory are on disk. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
