import { createHash, randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { BlobTooLarge } from '../../../platform/blobs/blob-directory.ts'
import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import type { ByteRange } from './byte-range.ts'
import { UnsealingStream, sealedRange, SealingStream, type BytesKey } from './sealed-bytes.ts'

const key: BytesKey = { key: randomBytes(32), fileId: 'a' }
const chunk = 65_536

/** The bytes in pieces, as they arrive from a disk or a network. */
function inPieces(bytes: Buffer, size: number): Readable {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return Readable.from(pieces)
}

async function seal(bytes: Buffer, bytesMax = Infinity): Promise<Buffer> {
  const sealing = new SealingStream(key, bytesMax)
  const sealed = await buffer(inPieces(bytes, 10_000).compose(sealing))
  expect(sealing.written()).toEqual({ sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest() })
  return sealed
}

function open(
  sealed: Buffer,
  sizeBytes: number,
  { range, by = key }: { range?: ByteRange; by?: BytesKey } = {},
): Promise<Buffer> {
  const { start, end } = sealedRange(sizeBytes, range)
  return buffer(inPieces(sealed.subarray(start, end + 1), 7_777).compose(new UnsealingStream(by, sizeBytes, range)))
}

describe('the bytes of a file', () => {
  it.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 200_001])(
    'are decrypted unchanged when there are %d of them',
    async (size) => {
      const bytes = randomBytes(size)
      const sealed = await seal(bytes)
      expect(await open(sealed, size)).toEqual(bytes)
      if (size > 16) expect(sealed.includes(bytes.subarray(0, 16))).toBe(false)
    },
  )

  it('can be decrypted in part, and only that part is read', async () => {
    const bytes = randomBytes(4 * chunk + 100)
    const sealed = await seal(bytes)
    for (const [start, end] of [
      [0, 0],
      [chunk - 1, chunk],
      [chunk, 2 * chunk - 1],
      [5, 4 * chunk + 99],
      [4 * chunk + 99, 4 * chunk + 99],
      [100, 3 * chunk],
    ] as const) {
      expect(await open(sealed, bytes.length, { range: { start, end } }), `${start}-${end}`).toEqual(
        bytes.subarray(start, end + 1),
      )
    }
    const { start, end } = sealedRange(bytes.length, { start: chunk, end: chunk + 5 })
    expect(end - start + 1).toBe(chunk + 16)
  })

  it('are not decrypted when they were changed, moved, removed, cut off, or belong to another file', async () => {
    const bytes = randomBytes(2 * chunk + 10)
    const sealed = await seal(bytes)
    const changed = Buffer.from(sealed)
    changed.writeUInt8(sealed.readUInt8(chunk + 30) ^ 1, chunk + 30)
    const moved = Buffer.concat([
      sealed.subarray(chunk + 16, 2 * (chunk + 16)),
      sealed.subarray(0, chunk + 16),
      sealed.subarray(2 * (chunk + 16)),
    ])
    for (const wrong of [
      changed,
      moved,
      sealed.subarray(0, -1),
      sealed.subarray(0, 2 * (chunk + 16)),
      sealed.subarray(0, 0),
    ]) {
      await expect(open(wrong, bytes.length)).rejects.toThrow(SealBroken)
    }
    // A shorter file made of the first chunks, with a size to match.
    await expect(open(sealed, 2 * chunk)).rejects.toThrow(SealBroken)
    await expect(open(sealed, bytes.length, { by: { ...key, fileId: 'b' } })).rejects.toThrow(SealBroken)
    await expect(open(sealed, bytes.length, { by: { ...key, key: randomBytes(32) } })).rejects.toThrow(SealBroken)
  })

  it('are refused when there are too many', async () => {
    const sealing = new SealingStream(key, 100_000)
    await expect(buffer(inPieces(randomBytes(100_001), 10_000).compose(sealing))).rejects.toThrow(BlobTooLarge)
  })
})
