import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'
import { BlobTooLarge, type WrittenBlob } from '../../../platform/blobs/blob-directory.ts'
import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import type { ByteRange } from './byte-range.ts'

/** Number of bytes that are encrypted together, and so the minimum that must be read for any range. */
const chunkBytes = 65_536
const tagBytes = 16

/** The key of one file's bytes. It encrypts nothing else, so the index of a chunk is a safe nonce. */
export interface BytesKey {
  readonly key: Buffer
  readonly fileId: string
}

/**
 * Encrypts a file on its way to disk (AES-256-GCM in chunks), and measures the plain content. The nonce of a chunk
 * holds its index and whether it is the last one, so that no chunk can be changed, moved or removed unnoticed.
 */
export class SealingStream extends Transform {
  readonly #key: BytesKey
  readonly #bytesMax: number
  readonly #hash = createHash('sha256')
  #pending: Buffer = Buffer.alloc(0)
  #index = 0
  #sizeBytes = 0

  constructor(key: BytesKey, bytesMax: number) {
    super()
    this.#key = key
    this.#bytesMax = bytesMax
  }

  /** Size and hash of the plain content, available once the stream has ended. */
  written(): WrittenBlob {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest() }
  }

  override _transform(data: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#sizeBytes += data.length
    if (this.#sizeBytes > this.#bytesMax) return done(new BlobTooLarge(this.#bytesMax))
    this.#hash.update(data)
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data])
    // A full chunk is held back until the next byte arrives: it may be the last chunk.
    let from = 0
    for (; this.#pending.length - from > chunkBytes; from += chunkBytes)
      this.#pushSealed(this.#pending.subarray(from, from + chunkBytes), false)
    this.#pending = this.#pending.subarray(from)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#pushSealed(this.#pending, true)
    done()
  }

  #pushSealed(chunk: Buffer, isLast: boolean): void {
    const cipher = createCipheriv('aes-256-gcm', this.#key.key, nonceOf(this.#index, isLast)).setAAD(
      Buffer.from(this.#key.fileId),
    )
    this.push(Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]))
    this.#index += 1
  }
}

/** The range on disk of the chunks that hold a range of a file of that size. */
export function sealedRange(sizeBytes: number, range: ByteRange | undefined): ByteRange {
  const lastChunk = lastChunkOf(sizeBytes)
  const first = range === undefined ? 0 : Math.floor(range.start / chunkBytes)
  const last = range === undefined ? lastChunk : Math.floor(range.end / chunkBytes)
  const end = last === lastChunk ? sizeBytes + (lastChunk + 1) * tagBytes : (last + 1) * (chunkBytes + tagBytes)
  return { start: first * (chunkBytes + tagBytes), end: end - 1 }
}

/** Decrypts the bytes of `sealedRange` and cuts them to the range. Fails with SealBroken if they were changed. */
export class UnsealingStream extends Transform {
  readonly #key: BytesKey
  readonly #range: ByteRange
  readonly #lastChunk: number
  readonly #chunksEnd: number
  #index: number
  #pending: Buffer = Buffer.alloc(0)

  constructor(key: BytesKey, sizeBytes: number, range: ByteRange | undefined) {
    super()
    this.#key = key
    this.#range = range ?? { start: 0, end: sizeBytes - 1 }
    this.#lastChunk = lastChunkOf(sizeBytes)
    this.#index = Math.floor(this.#range.start / chunkBytes)
    this.#chunksEnd = range === undefined ? this.#lastChunk + 1 : Math.floor(range.end / chunkBytes) + 1
  }

  override _transform(data: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data])
    const sealedBytes = chunkBytes + tagBytes
    let from = 0
    try {
      for (; this.#pending.length - from >= sealedBytes; from += sealedBytes)
        this.#pushUnsealed(this.#pending.subarray(from, from + sealedBytes))
    } catch (error) {
      return done(toError(error))
    }
    this.#pending = this.#pending.subarray(from)
    done()
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#pending.length > 0) this.#pushUnsealed(this.#pending)
      if (this.#index !== this.#chunksEnd) throw new SealBroken('The content of a file was cut off.')
      done()
    } catch (error) {
      done(toError(error))
    }
  }

  #pushUnsealed(sealed: Buffer): void {
    if (sealed.length < tagBytes) throw new SealBroken('The content of a file was cut off.')
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.#key.key,
      nonceOf(this.#index, this.#index === this.#lastChunk),
      { authTagLength: tagBytes },
    )
    decipher.setAAD(Buffer.from(this.#key.fileId)).setAuthTag(sealed.subarray(-tagBytes))
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()])
    const offset = this.#index * chunkBytes
    this.push(plain.subarray(Math.max(0, this.#range.start - offset), this.#range.end - offset + 1))
    this.#index += 1
  }
}

function lastChunkOf(sizeBytes: number): number {
  return Math.max(0, Math.ceil(sizeBytes / chunkBytes) - 1)
}

function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 0, 6)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

function toError(error: unknown): Error {
  return error instanceof SealBroken ? error : new SealBroken('The content of a file was changed.', { cause: error })
}
