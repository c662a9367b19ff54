import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { chmod, link, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface WrittenBlob {
  readonly sizeBytes: number
  readonly sha256: Buffer
}

/** The content exceeded the limit; nothing was stored. */
export class BlobTooLarge extends Error {
  override readonly name = 'BlobTooLarge'
  readonly bytesMax: number

  constructor(bytesMax: number) {
    super(`The content is larger than ${bytesMax} bytes.`)
    this.bytesMax = bytesMax
  }
}

/** There is no blob of this id. */
export class BlobMissing extends Error {
  override readonly name = 'BlobMissing'
}

/** File contents below `DATA_DIR/blobs`, addressed by the UUID of their row. */
export interface BlobDirectory {
  /** Streams content to disk; durable when it resolves. Throws BlobTooLarge. A failed write leaves nothing. */
  write(id: string, content: Readable, bytesMax: number): Promise<WrittenBlob>
  /** Opens a blob, or a byte range of it (both ends inclusive), for reading. Throws BlobMissing. */
  read(id: string, range?: { start: number; end: number }): Promise<Readable>
  /**
   * Gives a blob a second name at `path`, readable by everybody who can reach that path. Returns false where the file
   * system cannot: the caller then copies. Nobody may write through the new name. Throws BlobMissing.
   */
  link(id: string, path: string): Promise<boolean>
  /** Removes a blob; does nothing if it does not exist. */
  remove(id: string): Promise<void>
  /** Every blob with the time of its last write, one directory at a time. */
  list(): AsyncIterable<ListedBlob>
}

export interface ListedBlob {
  readonly id: string
  readonly writtenAt: Date
}

/** A partial file that has not grown for this long belongs to a process that died. */
const abandonedMs = 60 * 60_000

/** Opens the directory and removes abandoned partial files; keeps those that other processes are writing. */
export async function openBlobDirectory(dataDir: string): Promise<BlobDirectory> {
  const root = join(dataDir, 'blobs')
  const partial = join(root, 'partial')
  await mkdir(partial, { recursive: true, mode: 0o700 })
  await removeAbandoned(partial)
  const pathOf = (id: string) => join(root, id.slice(-2), id)
  return {
    async write(id, content, bytesMax) {
      const part = join(partial, randomUUID())
      try {
        const written = await writeDurably(part, content, bytesMax)
        await mkdir(dirname(pathOf(id)), { recursive: true, mode: 0o700 })
        await rename(part, pathOf(id))
        await syncDirectory(dirname(pathOf(id)))
        return written
      } catch (error) {
        await rm(part, { force: true })
        throw error
      }
    },
    read: async (id, range) => (await openBlob(pathOf(id), id)).createReadStream(range ?? {}),
    link: (id, path) => linkBlob(pathOf(id), { id, path }),
    remove: (id) => rm(pathOf(id), { force: true }),
    list: () => listBlobs(root),
  }
}

async function openBlob(path: string, id: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new BlobMissing(`The blob ${id} does not exist.`, { cause: error })
    throw error
  }
}

async function linkBlob(source: string, { id, path }: { id: string; path: string }): Promise<boolean> {
  const blob = await openBlob(source, id)
  try {
    // Both names have one mode. The directories of the blobs stay closed to others.
    await chmod(`/proc/self/fd/${blob.fd}`, 0o444)
    await link(source, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && linkRefusals.has(String(error.code))) return false
    throw error
  } finally {
    await blob.close()
  }
}

// Another file system, too many names, or a file system without links.
const linkRefusals = new Set(['EXDEV', 'EMLINK', 'EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

async function removeAbandoned(partial: string): Promise<void> {
  for (const name of await readdir(partial)) {
    const found = await stat(join(partial, name)).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedMs) await rm(join(partial, name), { force: true })
  }
}

// A file name survives a power failure only if its directory was synced too.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function* listBlobs(root: string): AsyncGenerator<ListedBlob> {
  const directories = await readdir(root)
  for (const directory of directories.filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const id of await readdir(join(root, directory))) {
      // A blob can be removed during the listing.
      const written = uuid.test(id) ? await stat(join(root, directory, id)).catch(() => undefined) : undefined
      if (written !== undefined) yield { id, writtenAt: written.mtime }
    }
  }
}

async function writeDurably(path: string, content: Readable, bytesMax: number): Promise<WrittenBlob> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length
      hash.update(chunk)
      done(sizeBytes > bytesMax ? new BlobTooLarge(bytesMax) : null, chunk)
    },
  })
  await pipeline(content, measure, createWriteStream(path, { mode: 0o600, flush: true }))
  return { sizeBytes, sha256: hash.digest() }
}
