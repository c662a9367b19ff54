import type { Dirent, Stats } from 'node:fs'
import { chmod, lstat, open, opendir } from 'node:fs/promises'
import { join } from 'node:path'

const O_PATH_DIRECTORY_NOFOLLOW = 0x200000 | 0x10000 | 0x20000

export interface WorkspaceUsage {
  readonly bytes: number
  readonly files: number
  /** Directories that were gone when they should be read: deleted, or renamed so that their files were not counted. */
  readonly missed: number
}

interface Count {
  bytes: number
  files: number
  missed: number
  readonly linked: Set<number>
}

/**
 * Disk usage and entries of a workspace without `input/`. Beyond `filesMax` it stops without the bytes; hidden files
 * count as too many.
 */
export async function measureWorkspace(dir: string, filesMax: number): Promise<WorkspaceUsage> {
  // Counting names alone is many times quicker: whatever makes many files is noticed before it has made many more.
  const names: Count = { bytes: 0, files: 0, missed: 0, linked: new Set() }
  for await (const _entry of entriesBelow(dir, names)) {
    names.files += 1
    if (names.files > filesMax) return { bytes: 0, files: names.files, missed: 0 }
  }
  const count: Count = { bytes: 0, files: 0, missed: 0, linked: new Set() }
  for await (const path of entriesBelow(dir, count)) {
    addEntry(count, await lstatOrNothing(path, count))
    if (count.files > filesMax) break
  }
  return { bytes: count.bytes, files: count.files, missed: names.missed + count.missed }
}

async function* entriesBelow(dir: string, count: Count): AsyncGenerator<string> {
  const waiting = [dir]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for await (const entry of entriesOf(next, count)) {
      if (next === dir && entry.name === 'input') continue
      const path = join(next, entry.name)
      yield path
      if (entry.isDirectory()) waiting.push(path)
    }
  }
}

function addEntry(count: Count, stats: Stats | undefined): void {
  if (stats === undefined) return
  count.files += 1
  const isFurtherName = stats.nlink > 1 && !stats.isDirectory() && count.linked.has(stats.ino)
  if (stats.nlink > 1 && !stats.isDirectory()) count.linked.add(stats.ino)
  if (!isFurtherName) count.bytes += stats.blocks * 512
}

async function* entriesOf(path: string, count: Count): AsyncGenerator<Dirent> {
  try {
    yield* await openListing(path)
  } catch (error) {
    recordHidden(error, count)
  }
}

async function openListing(path: string): Promise<AsyncIterable<Dirent>> {
  try {
    return await opendir(path, { bufferSize: 1024 })
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error
    await makeReadable(path)
    return await opendir(path, { bufferSize: 1024 })
  }
}

// An agent with the server's uid can make its directories unreadable. No link can redirect a handle on the inode.
async function makeReadable(path: string): Promise<void> {
  const handle = await open(path, O_PATH_DIRECTORY_NOFOLLOW)
  try {
    await chmod(`/proc/self/fd/${handle.fd}`, 0o700)
  } finally {
    await handle.close()
  }
}

function lstatOrNothing(path: string, count: Count): Promise<Stats | undefined> {
  return lstat(path).catch((error: unknown) => {
    recordHidden(error, count)
    return undefined
  })
}

// An entry that was deleted meanwhile is fine. Below a path that is too long, files could hide from the count.
function recordHidden(error: unknown, count: Count): void {
  count.missed += 1
  if (codeOf(error) === 'ENAMETOOLONG') count.files = Infinity
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
