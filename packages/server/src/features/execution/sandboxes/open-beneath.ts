import { isUtf8 } from 'node:buffer'
import { constants, type Stats } from 'node:fs'
import { chmod, lstat, open, opendir, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
// O_PATH, which Node does not name: a handle to change the mode of what cannot be opened.
const pathOnly = 0o10000000
const depthMax = 64
const refusedMax = 100

/** A path that is not, or must not be used as, a plain file of the workspace. */
export class WorkspacePathError extends Error {
  override readonly name = 'WorkspacePathError'
}

export interface FoundFile {
  readonly path: string
  /** What reading the file returns, which can be more than it takes on the disk. */
  readonly sizeBytes: number
}

export interface RefusedFile {
  readonly path: string
  /** Continues a sentence that starts with the path. */
  readonly reason: string
}

export interface FoundFiles {
  /** The plain files, sorted by path. */
  readonly files: readonly FoundFile[]
  /** The first of those that were refused. */
  readonly refused: readonly RefusedFile[]
  /** How many more were refused. */
  readonly moreRefused: number
  /** Whether there is more than was looked at. */
  readonly isCut: boolean
}

/**
 * Opens a regular file below `rootDir` for reading. Opens each component from the handle of its parent and follows no
 * links, so that a hostile owner of the tree cannot redirect the path. Throws WorkspacePathError.
 */
export async function openFileBeneath(rootDir: string, path: string): Promise<FileHandle> {
  const names = splitPath(path)
  const last = names.pop() ?? ''
  let directory = await openStep(rootDir, directoryFlags, path)
  try {
    for (const name of names) {
      const next = await openStep(below(directory, name), directoryFlags, path)
      await directory.close()
      directory = next
    }
    const file = await openStep(below(directory, last), fileFlags, path)
    if (isPlainFile(await file.stat())) return file
    await file.close()
    throw new WorkspacePathError(`${path} is not a plain file`)
  } finally {
    await directory.close()
  }
}

/**
 * The regular files below `rootDir`. Looks at no more than `entriesMax` entries, and follows no links. Everything that
 * is neither a plain file nor a directory is refused with the reason, also `rootDir` itself, by its name.
 */
export async function listFilesBeneath(rootDir: string, entriesMax: number): Promise<FoundFiles> {
  const listing: Listing = { files: [], refused: [], moreRefused: 0, entriesLeft: entriesMax, isCut: false }
  const root = await openReadable(rootDir, directoryFlags).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code !== 'ENOENT') refuse(listing, { path: basename(rootDir), reason: whyNotOpened(code) })
  })
  if (root !== undefined) await listInto(listing, root, [])
  const { files, refused, moreRefused, isCut } = listing
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), refused, moreRefused, isCut }
}

interface Listing {
  readonly files: FoundFile[]
  readonly refused: RefusedFile[]
  moreRefused: number
  entriesLeft: number
  isCut: boolean
}

async function listInto(listing: Listing, directory: FileHandle, parents: readonly string[]): Promise<void> {
  try {
    for await (const bytes of namesIn(directory)) {
      listing.entriesLeft -= 1
      if (listing.entriesLeft < 0) listing.isCut = true
      if (listing.isCut) return
      const name = bytes.toString('utf8')
      if (isUtf8(bytes)) await listEntry(listing, { directory, parents, name })
      else refuse(listing, { path: [...parents, name].join('/'), reason: 'has a name that is not UTF-8' })
    }
  } finally {
    await directory.close()
  }
}

async function listEntry(
  listing: Listing,
  { directory, parents, name }: { directory: FileHandle; parents: readonly string[]; name: string },
): Promise<void> {
  const names = [...parents, name]
  const path = names.join('/')
  const stats = await lstat(below(directory, name)).catch(() => undefined)
  if (stats === undefined) return
  if (isPlainFile(stats)) listing.files.push({ path, sizeBytes: stats.size })
  else if (!stats.isDirectory()) refuse(listing, { path, reason: whyNotPlain(stats) })
  else if (parents.length >= depthMax) refuse(listing, { path, reason: `is below ${depthMax} directories` })
  else {
    const child = await openOrNothing(below(directory, name))
    if (child === undefined) refuse(listing, { path, reason: 'is a directory that cannot be opened' })
    else await listInto(listing, child, names)
  }
}

function refuse(listing: Listing, file: RefusedFile): void {
  // The others count against the entries that are looked at.
  if (listing.refused.length < refusedMax) listing.refused.push(file)
  else listing.moreRefused += 1
}

async function* namesIn(directory: FileHandle): AsyncGenerator<Buffer> {
  // @types/node describes entries with Buffer names only for readdir.
  for await (const entry of await opendir(`/proc/self/fd/${directory.fd}`, { encoding: 'latin1' }))
    yield Buffer.from(entry.name, 'latin1')
}

function whyNotPlain(stats: Stats): string {
  if (stats.isFile()) return 'has more than one name (hard links)'
  return stats.isSymbolicLink() ? 'is a symbolic link' : 'is a pipe, a socket or a device'
}

// A file with a second hard link could be a file from outside the workspace.
function isPlainFile(stats: Stats): boolean {
  return stats.isFile() && stats.nlink === 1
}

function splitPath(path: string): string[] {
  const names = path.split('/')
  const isPlain =
    names.length <= depthMax + 1 &&
    names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'))
  if (!isPlain) throw new WorkspacePathError(`${JSON.stringify(path)} is not a plain relative path`)
  return names
}

const below = (directory: FileHandle, name: string) => `/proc/self/fd/${directory.fd}/${name}`

async function openStep(path: string, flags: number, asked: string): Promise<FileHandle> {
  try {
    return await openReadable(path, flags)
  } catch (error) {
    throw new WorkspacePathError(`${asked} cannot be opened as a plain file`, { cause: error })
  }
}

function openOrNothing(path: string): Promise<FileHandle | undefined> {
  return openReadable(path, directoryFlags).catch(() => undefined)
}

/** Opens; what belongs to this user but was made unreadable is made readable first. Throws errors of the system. */
async function openReadable(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error
    const handle = await open(path, pathOnly | constants.O_NOFOLLOW)
    try {
      const stats = await handle.stat()
      if (stats.uid !== process.getuid?.() || !(stats.isDirectory() || isPlainFile(stats))) throw error
      await chmod(`/proc/self/fd/${handle.fd}`, stats.mode | (stats.isDirectory() ? 0o700 : 0o400))
      return await open(`/proc/self/fd/${handle.fd}`, flags & ~constants.O_NOFOLLOW)
    } finally {
      await handle.close()
    }
  }
}

function whyNotOpened(code: string): string {
  if (code === 'ENOTDIR' || code === 'ELOOP') return 'is not a directory, so no output could be read'
  return `cannot be opened (${code}), so no output could be read`
}
