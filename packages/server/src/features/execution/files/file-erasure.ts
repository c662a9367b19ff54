import { Type } from 'typebox'
import type { AfterErasure, EraseHook } from '../../../platform/hooks/hooks.ts'
import { deleteFilesOf } from './file-store.ts'

const count = Type.Integer({ minimum: 0 })

/** Deletes an end-user's files: the rows of a batch, and their content once it is committed. */
export const eraseFiles: EraseHook = {
  order: 30,
  report: { files: Type.Object({ deleted: count, bytes: count }) },
  async erase(tx, whose, limit) {
    const { ids, bytes } = await deleteFilesOf(tx, whose, limit)
    return {
      rows: ids.length,
      counts: { files: { deleted: ids.length, bytes } },
      afterCommit: (after) => removeBlobs(after, ids),
    }
  },
}

/** Removes the content of deleted files; what fails is left for the sweep. */
export async function removeBlobs({ blobs, log }: AfterErasure, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await blobs
      .remove(id)
      .catch((error: unknown) => log.warn({ err: error, fileId: id }, 'A blob was left for the sweep.'))
  }
}
