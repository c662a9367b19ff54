import { createHash, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newUuid } from '../ids/id.ts'
import { BlobMissing, BlobTooLarge, openBlobDirectory, type BlobDirectory } from './blob-directory.ts'

const deviceOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev
const otherFileSystem = ['/dev/shm', '/var/tmp'].find(
  (path) => ![undefined, deviceOf(tmpdir())].includes(deviceOf(path)),
)

let dataDir: string
let blobs: BlobDirectory
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'appstrate-blobs-'))
  blobs = await openBlobDirectory(dataDir)
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const filesBelow = async (path: string) =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)

async function listed(): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of blobs.list()) ids.push(id)
  return ids
}

describe('the blob directory', () => {
  it('stores content with its size and SHA-256, readable only by the owner', async () => {
    const [id, content] = [newUuid(), randomBytes(200_000)]
    const written = await blobs.write(id, Readable.from([content.subarray(0, 7), content.subarray(7)]), 200_000)
    expect(written).toEqual({ sizeBytes: 200_000, sha256: createHash('sha256').update(content).digest() })
    expect(await buffer(await blobs.read(id))).toEqual(content)
    expect((await stat(join(dataDir, 'blobs', id.slice(-2), id))).mode & 0o777).toBe(0o600)
    expect((await stat(join(dataDir, 'blobs', id.slice(-2)))).mode & 0o777).toBe(0o700)
    expect(await listed()).toEqual([id])
  })

  it('stores an empty blob', async () => {
    const id = newUuid()
    expect((await blobs.write(id, Readable.from([]), 0)).sizeBytes).toBe(0)
    expect(await buffer(await blobs.read(id))).toEqual(Buffer.alloc(0))
  })

  it('reads ranges, both ends included', async () => {
    const id = newUuid()
    await blobs.write(id, Readable.from([Buffer.from('0123456789')]), 10)
    expect(String(await buffer(await blobs.read(id, { start: 2, end: 4 })))).toBe('234')
    expect(String(await buffer(await blobs.read(id, { start: 9, end: 9 })))).toBe('9')
    expect(String(await buffer(await blobs.read(id, { start: 5, end: Infinity })))).toBe('56789')
  })

  it('refuses content above the limit while it is received, and stores none of it', async () => {
    let sentBytes = 0
    const endless = Readable.from(
      (function* () {
        for (;;) {
          sentBytes += 65_536
          yield Buffer.alloc(65_536)
        }
      })(),
    )
    await expect(blobs.write(newUuid(), endless, 1_000_000)).rejects.toThrow(BlobTooLarge)
    expect(sentBytes).toBeLessThan(3_000_000)
    expect(await filesBelow(dataDir)).toEqual([])
    await expect(blobs.write(newUuid(), Readable.from([Buffer.alloc(11)]), 10)).rejects.toThrow(BlobTooLarge)
    expect((await blobs.write(newUuid(), Readable.from([Buffer.alloc(10)]), 10)).sizeBytes).toBe(10)
  })

  it('stores nothing of an interrupted write, which is not visible meanwhile', async () => {
    const [id, source] = [newUuid(), new Readable({ read: () => undefined })]
    const writing = blobs.write(id, source, 100)
    source.push(Buffer.from('half'))
    await expect.poll(() => filesBelow(dataDir), { timeout: 15_000 }).toHaveLength(1)
    expect(await listed()).toEqual([])
    source.destroy(new Error('the client went away'))
    await expect(writing).rejects.toThrow('the client went away')
    expect(await filesBelow(dataDir)).toEqual([])
    await expect(blobs.read(id)).rejects.toThrow(BlobMissing)
  })

  it('removes the partial files of a killed process at the next start, but not those of a running one', async () => {
    const partial = join(dataDir, 'blobs', 'partial')
    await writeFile(join(partial, 'old'), 'x')
    await utimes(join(partial, 'old'), new Date(), new Date(Date.now() - 2 * 60 * 60_000))
    await writeFile(join(partial, 'current'), 'x')
    await openBlobDirectory(dataDir)
    expect(await readdir(partial)).toEqual(['current'])
  })

  it('gives a blob a second name without copying it, and keeps the content until both are gone', async () => {
    const [id, path] = [newUuid(), join(dataDir, 'second')]
    await blobs.write(id, Readable.from([Buffer.from('content')]), 10)
    expect(await blobs.link(id, path)).toBe(true)
    expect(await stat(path)).toMatchObject({
      ino: (await stat(join(dataDir, 'blobs', id.slice(-2), id))).ino,
      nlink: 2,
    })
    expect((await stat(path)).mode & 0o777).toBe(0o444)
    await blobs.remove(id)
    expect(await readFile(path, 'utf8')).toBe('content')
    await expect(blobs.link(id, join(dataDir, 'third'))).rejects.toThrow(BlobMissing)
  })

  it.skipIf(otherFileSystem === undefined)(
    'says that it cannot give a second name on another file system',
    async () => {
      const [id, other] = [newUuid(), await mkdtemp(join(otherFileSystem ?? '', 'appstrate-blobs-'))]
      try {
        await blobs.write(id, Readable.from([Buffer.from('content')]), 10)
        expect(await blobs.link(id, join(other, 'second'))).toBe(false)
        expect(await readdir(other)).toEqual([])
      } finally {
        await rm(other, { recursive: true })
      }
    },
  )

  it('removes a blob, and does nothing if there is none', async () => {
    const id = newUuid()
    await blobs.write(id, Readable.from([Buffer.from('x')]), 1)
    await blobs.remove(id)
    await blobs.remove(id)
    expect(await listed()).toEqual([])
  })
})
