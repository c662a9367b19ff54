import type { Readable } from 'node:stream'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Config } from '../../../platform/config/config.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Hooks } from '../../../platform/hooks/hooks.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { refuseOverQuota, refuseWithoutRoom } from '../../accounts/quotas/index.ts'
import { guessContentType } from './content-type.ts'
import { deleteLockedFiles } from './delete-file.ts'
import { writeContent } from './file-content.ts'
import { sanitizePath } from './file-name.ts'
import { hasRunFile, lockRunFiles, saveRunFile } from './file-store.ts'
import type { StoredFile } from './file.ts'

/** The run that produces a file; all ids as stored. */
export interface MakingRun {
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string | null
  readonly runId: string
}

/** The bytes that one file may have. */
export function fileBytesMax({ FILE_SIZE_MAX }: Pick<Config, 'FILE_SIZE_MAX'>): number {
  return FILE_SIZE_MAX
}

/**
 * Stores a file that a run left at a path below /workspace/output; another call replaces the file of that path.
 * Throws BlobTooLarge past `bytesMax`, and past FILE_SIZE_MAX, and `quota-exceeded`; a failure leaves no blob.
 */
export async function addRunFile(
  platform: Pick<Platform, 'db' | 'blobs' | 'config' | 'hooks' | 'use'>,
  run: MakingRun,
  { path, content, bytesMax = Infinity }: { path: string; content: Readable; bytesMax?: number },
): Promise<StoredFile> {
  const id = newUuid()
  const name = sanitizePath(path)
  const seal = await platform.use(contentSeals).of(platform.db, run)
  const allowedBytes = Math.min(fileBytesMax(platform.config), bytesMax)
  const written = await writeContent(platform, { id, seal }, { content, bytesMax: allowedBytes })
  try {
    const saved = await platform.db.transaction().execute(async (tx) => {
      await holdEndUser(tx, run)
      const file = { id, runId: run.runId, name: seal.sealName(name), contentType: guessContentType(name), ...written }
      const kept = await saveRunFile(tx, run, file)
      // An unchanged file adds nothing.
      if (kept.file.id === id)
        await refuseOverQuota(tx, platform, { scope: run, added: { files: 1, storedBytes: file.sizeBytes } })
      return kept
    })
    if (saved.unneeded !== undefined) await platform.blobs.remove(saved.unneeded)
    return saved.file
  } catch (error) {
    await platform.blobs.remove(id)
    throw error
  }
}

/**
 * Refuses an output file for which the organization has no room, before it is read. A file that an earlier attempt of
 * the run has kept may replace that one. Throws `quota-exceeded`.
 */
export async function refuseRunFileWithoutRoom(
  platform: Pick<Platform, 'db' | 'config' | 'hooks' | 'use'>,
  run: MakingRun,
  { path, sizeBytes }: { path: string; sizeBytes: number },
): Promise<void> {
  const seal = await platform.use(contentSeals).of(platform.db, run)
  if (await hasRunFile(platform.db, run, { runId: run.runId, name: seal.sealName(sanitizePath(path)) })) return
  await refuseWithoutRoom(platform.db, platform, { scope: run, added: { files: 1, storedBytes: sizeBytes } })
}

/** Deletes the rows of a run's files, not the blobs; returns their ids. Throws file-in-use. */
export async function deleteRunFiles(
  tx: Tx,
  scope: AppScope,
  { id: runId, hooks }: { id: string; hooks: Hooks },
): Promise<string[]> {
  const ids = await lockRunFiles(tx, scope, runId)
  await deleteLockedFiles(tx, scope, { ids, hooks })
  return ids
}
