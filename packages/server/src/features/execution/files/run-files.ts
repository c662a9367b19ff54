import type { Readable } from 'node:stream'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { guessContentType } from './content-type.ts'
import { sanitizePath } from './file-name.ts'
import { putRunFile, type FileRow } from './file-store.ts'

/** The run that makes a file; all ids as stored. */
export interface MakingRun {
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string | null
  readonly runId: string
}

/**
 * Keeps what a run left at a path below /workspace/output; doing it again replaces the file of that path.
 * Throws BlobTooLarge past FILE_SIZE_MAX; a failure leaves nothing.
 */
export async function addRunFile(platform: Platform, run: MakingRun, { path, content }: { path: string; content: Readable }): Promise<FileRow> {
  const id = newUuid()
  const name = sanitizePath(path)
  const written = await platform.blobs.write(id, content, platform.config.FILE_SIZE_MAX)
  try {
    const put = await platform.db
      .transaction()
      .execute((tx) => putRunFile(tx, run, { id, runId: run.runId, name, contentType: guessContentType(name), ...written }))
    if (put.unneeded !== undefined) await platform.blobs.remove(put.unneeded)
    return put.file
  } catch (error) {
    await platform.blobs.remove(id)
    throw error
  }
}
