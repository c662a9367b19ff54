import { randomBytes } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import type { WrittenBlob } from '../../../platform/blobs/blob-directory.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { ByteRange } from './byte-range.ts'
import type { ReadableContent, ReadableFile, StoredContent, StoredFile } from './file.ts'
import { sealedRange, SealingStream, UnsealingStream } from './sealed-bytes.ts'

const saltBytes = 32

/** Decrypts the names of files and adds the keys of their bytes. Only for callers who may see the files. */
export async function unsealFiles(
  platform: Pick<Platform, 'db' | 'use'>,
  files: readonly StoredFile[],
): Promise<ReadableFile[]> {
  const sealOf = await sealsOf(platform, files)
  return files.map((file) => ({
    ...file,
    name: sealOf(file).unsealText(file.name) ?? '',
    key: keyOf(sealOf(file), file),
  }))
}

/** One file as `unsealFiles` returns it. */
export async function unsealFile(platform: Pick<Platform, 'db' | 'use'>, file: StoredFile): Promise<ReadableFile> {
  const sealOf = await sealsOf(platform, [file])
  return { ...file, name: sealOf(file).unsealText(file.name) ?? '', key: keyOf(sealOf(file), file) }
}

/** The contents of a run's input files, ready to be read. */
export async function unsealContents<T extends StoredContent>(
  platform: Pick<Platform, 'db' | 'use'>,
  files: readonly T[],
): Promise<(T & ReadableContent)[]> {
  const sealOf = await sealsOf(platform, files)
  return files.map((file) => ({ ...file, key: keyOf(sealOf(file), file) }))
}

/** A file's bytes, or a range of them (both ends inclusive). Throws BlobMissing. */
export async function readContent(
  { blobs }: Pick<Platform, 'blobs'>,
  { id, sizeBytes, key }: ReadableContent,
  range?: ByteRange,
): Promise<Readable> {
  if (key === undefined) return blobs.read(id, range)
  const sealed = await blobs.read(id, sealedRange(sizeBytes, range))
  // The callback is empty because a failure also errors the content stream.
  return pipeline(sealed, new UnsealingStream({ key, fileId: id }, sizeBytes, range), () => undefined)
}

/**
 * Streams a file to disk, encrypted if its owner's content is. Durable when it resolves; a failure leaves no blob.
 * Throws BlobTooLarge past `bytesMax`.
 */
export async function writeContent(
  { blobs }: Pick<Platform, 'blobs'>,
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

async function sealsOf(
  platform: Pick<Platform, 'db' | 'use'>,
  files: readonly Pick<StoredContent, 'applicationId' | 'endUserId'>[],
) {
  const [first] = files
  const sealOf = await platform
    .use(contentSeals)
    .ofAll(platform.db, first?.applicationId ?? '', new Set(files.map(({ endUserId }) => endUserId)))
  return ({ endUserId }: Pick<StoredContent, 'endUserId'>) => sealOf(endUserId)
}
