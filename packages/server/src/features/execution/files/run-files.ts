import type { Readable } from 'node:stream'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { guessContentType } from './content-type.ts'
import { writeContent } from './file-content.ts'
import { sanitizePath } from './file-name.ts'
import { putRunFile, type StoredFile } from './file-store.ts'

/** The run that produces a file; all ids as stored. */
export interface MakingRun {
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string | null
  readonly runId: string
}

/**
 * Stores a file that a run left at a path below /workspace/output; another call replaces the file of that path.
 * Throws BlobTooLarge past FILE_SIZE_MAX; a failure leaves no blob.
 */
export async function addRunFile(
  platform: Platform,
  run: MakingRun,
  { path, content }: { path: string; content: Readable },
): Promise<StoredFile> {
  const id = newUuid()
  const name = sanitizePath(path)
  const seal = await platform.use(contentSeals).of(platform.db, run)
  const written = await writeContent(platform, { id, seal }, { content, bytesMax: platform.config.FILE_SIZE_MAX })
  try {
    const put = await platform.db.transaction().execute(async (tx) => {
      await holdEndUser(tx, run)
      return putRunFile(tx, run, {
        id,
        runId: run.runId,
        name: seal.sealName(name),
        contentType: guessContentType(name),
        ...written,
      })
    })
    if (put.unneeded !== undefined) await platform.blobs.remove(put.unneeded)
    return put.file
  } catch (error) {
    await platform.blobs.remove(id)
    throw error
  }
}
