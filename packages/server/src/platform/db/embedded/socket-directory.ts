import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Only a part of the socket's file name; nothing listens on TCP. */
export const socketPort = 5432

const temporaryPrefix = join(tmpdir(), 'appstrate-pg-')
// sun_path minus its final NUL.
const socketPathBytesMax = process.platform === 'darwin' ? 103 : 107

/**
 * Creates an empty directory (0700) for the socket: in DATA_DIR or, if that path is too long, in the temporary
 * directory with a link `postgres.sock` in DATA_DIR. A new one each time avoids stale socket locks.
 */
export function createSocketDirectory(dataDir: string): string {
  removeSocketDirectory(dataDir)
  const preferred = join(dataDir, 'postgres.sock')
  if (Buffer.byteLength(join(preferred, `.s.PGSQL.${socketPort}`)) <= socketPathBytesMax) {
    mkdirSync(preferred, { mode: 0o700 })
    return preferred
  }
  const short = mkdtempSync(temporaryPrefix)
  symlinkSync(short, preferred)
  return short
}

/** Removes the socket directory, and the target of its link if the server certainly created it. */
export function removeSocketDirectory(dataDir: string): void {
  const preferred = join(dataDir, 'postgres.sock')
  const entry = lstatSync(preferred, { throwIfNoEntry: false })
  if (entry?.isSymbolicLink() === true) {
    const target = readlinkSync(preferred)
    if (isOurs(target)) rmSync(target, { recursive: true, force: true })
  }
  rmSync(preferred, { recursive: true, force: true })
}

function isOurs(path: string): boolean {
  if (!path.startsWith(temporaryPrefix) || dirname(path) !== dirname(temporaryPrefix)) return false
  const entry = lstatSync(path, { throwIfNoEntry: false })
  return entry?.isDirectory() === true && entry.uid === process.geteuid?.() && (entry.mode & 0o777) === 0o700
}
