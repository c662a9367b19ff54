import { isUtf8 } from 'node:buffer'
import { constants, type Stats } from 'node:fs'
import { lstat, open, opendir, type FileHandle } from 'node:fs/promises'

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const depthMax = 64

/** A path that is not, or must not be used as, a plain file of the workspace. */
export class WorkspacePathError extends Error {
  override readonly name = 'WorkspacePathError'
}

export interface FoundFile {
  readonly path: string
  readonly sizeBytes: number
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

/** At most `filesMax` regular files below `rootDir`, sorted by path; omits links, special files and non-UTF-8 names. */
export async function listFilesBeneath(rootDir: string, filesMax: number): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  const root = await open(rootDir, directoryFlags).catch(() => undefined)
  if (root !== undefined) await listInto({ found, filesMax }, root, [])
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

interface Listing {
  readonly found: FoundFile[]
  readonly filesMax: number
}

async function listInto(listing: Listing, directory: FileHandle, parents: readonly string[]): Promise<void> {
  try {
    for (const name of await namesIn(directory)) {
      if (listing.found.length >= listing.filesMax) return
      const stats = await lstat(below(directory, name)).catch(() => undefined)
      if (stats === undefined) continue
      if (isPlainFile(stats)) listing.found.push({ path: [...parents, name].join('/'), sizeBytes: stats.size })
      const child =
        stats.isDirectory() && parents.length < depthMax ? await openOrNothing(below(directory, name)) : undefined
      if (child !== undefined) await listInto(listing, child, [...parents, name])
    }
  } finally {
    await directory.close()
  }
}

async function namesIn(directory: FileHandle): Promise<string[]> {
  const names: string[] = []
  // @types/node describes entries with Buffer names only for readdir.
  for await (const entry of await opendir(`/proc/self/fd/${directory.fd}`, { encoding: 'latin1' })) {
    const bytes = Buffer.from(entry.name, 'latin1')
    if (isUtf8(bytes)) names.push(bytes.toString('utf8'))
  }
  return names
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
    return await open(path, flags)
  } catch (error) {
    throw new WorkspacePathError(`${asked} cannot be opened as a plain file`, { cause: error })
  }
}

function openOrNothing(path: string): Promise<FileHandle | undefined> {
  return open(path, directoryFlags).catch(() => undefined)
}
