import { randomBytes } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import type { WrittenBlob } from '../../../platform/blobs/blob-directory.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { ByteRange } from './byte-range.ts'
import type { FileRow, StoredFile } from './file-store.ts'
import { OpeningStream, sealedRange, SealingStream } from './sealed-bytes.ts'

/** The fields that are needed to find a file's bytes and their encryption key. */
export type StoredContent = Pick<StoredFile, 'id' | 'applicationId' | 'endUserId' | 'salt' | 'sizeBytes'>

/** The fields that are needed to read a file's bytes. */
export interface ReadableContent {
  readonly id: string
  readonly sizeBytes: number
  /** Undefined when the bytes are not encrypted. */
  readonly key: Buffer | undefined
}

const saltBytes = 32

/** Decrypts the names of files and adds the keys of their bytes. Only for callers who may see the files. */
export async function openFiles(platform: Platform, files: readonly StoredFile[]): Promise<FileRow[]> {
  const sealOf = await sealsOf(platform, files)
  return files.map((file) => ({
    ...file,
    name: sealOf(file).openText(file.name) ?? '',
    key: keyOf(sealOf(file), file),
  }))
}

/** One file as `openFiles` gives it. */
export async function openFile(platform: Platform, file: StoredFile): Promise<FileRow> {
  const sealOf = await sealsOf(platform, [file])
  return { ...file, name: sealOf(file).openText(file.name) ?? '', key: keyOf(sealOf(file), file) }
}

/** The contents of a run's input files, ready to be read. */
export async function openContents<T extends StoredContent>(
  platform: Platform,
  files: readonly T[],
): Promise<(T & ReadableContent)[]> {
  const sealOf = await sealsOf(platform, files)
  return files.map((file) => ({ ...file, key: keyOf(sealOf(file), file) }))
}

/** A file's bytes, or a range of them (both ends inclusive). Throws BlobMissing. */
export async function readContent(
  { blobs }: Platform,
  { id, sizeBytes, key }: ReadableContent,
  range?: ByteRange,
): Promise<Readable> {
  if (key === undefined) return blobs.read(id, range)
  const sealed = await blobs.read(id, sealedRange(sizeBytes, range))
  // The callback is empty because a failure also errors the content stream.
  return pipeline(sealed, new OpeningStream({ key, fileId: id }, sizeBytes, range), () => undefined)
}

/**
 * Streams a file to disk, encrypted if its owner's content is. Durable when it resolves; a failure leaves no blob.
 * Throws BlobTooLarge past `bytesMax`.
 */
export async function writeContent(
  { blobs }: Platform,
  { id, seal }: { id: string; seal: ContentSeal },
  { content, bytesMax }: { content: Readable; bytesMax: number },
): Promise<WrittenBlob & { salt: Buffer | null }> {
  const salt = randomBytes(saltBytes)
  const key = seal.fileKey(salt)
  if (key === undefined) return { ...(await blobs.write(id, content, bytesMax)), salt: null }
  const sealing = new SealingStream({ key, fileId: id }, bytesMax)
  await blobs.write(
    id,
    pipeline(content, sealing, () => undefined),
    Infinity,
  )
  return { ...sealing.written(), salt }
}

function keyOf(seal: ContentSeal, { salt }: Pick<StoredContent, 'salt'>): Buffer | undefined {
  return salt === null ? undefined : seal.fileKey(salt)
}

async function sealsOf(platform: Platform, files: readonly Pick<StoredContent, 'applicationId' | 'endUserId'>[]) {
  const [first] = files
  const sealOf = await platform
    .use(contentSeals)
    .ofAll(platform.db, first?.applicationId ?? '', new Set(files.map(({ endUserId }) => endUserId)))
  return ({ endUserId }: Pick<StoredContent, 'endUserId'>) => sealOf(endUserId)
}
