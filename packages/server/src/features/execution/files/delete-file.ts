import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Hooks } from '../../../platform/hooks/hooks.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteFileRows, findFileBlock, lockFile } from './file-store.ts'

export const deleteFile = endpoint({
  route: 'DELETE /api/files/:fileId',
  summary: 'Delete a file',
  description: 'Refused while a run that has not ended uses the file as input.',
  caller: 'application',
  permission: 'files:delete',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'file.deleted',
  params: { fileId: { id: 'file', missing: 'file-not-found' } },
  returns: { 204: Nothing },
  fails: ['file-in-use'],
  async handle({ scope, params, platform, log, change }) {
    await change(
      async (tx) => {
        const id = foundOr(await lockFile(tx, scope, params.fileId), 'file-not-found')
        await deleteLockedFiles(tx, scope, { ids: [id], hooks: platform.hooks })
      },
      () => toWireId('file', params.fileId),
    )
    // Without its row the file is deleted; a blob that remains is removed by sweepBlobs.
    await platform.blobs
      .remove(params.fileId)
      .catch((error: unknown) =>
        log.warn({ err: error }, 'The content of a deleted file could not be removed; it is removed later.'),
      )
    return noContent()
  },
})

/** Locked files to delete; the hooks can block the deletion. */
interface LockedFiles {
  readonly ids: readonly string[]
  readonly hooks: Hooks
}

/** Deletes the rows of locked files, not the blobs. Throws file-in-use. */
export async function deleteLockedFiles(tx: Tx, scope: AppScope, { ids, hooks }: LockedFiles): Promise<void> {
  if (ids.length === 0) return
  const block = await findFileBlock(tx, hooks, ids)
  if (block !== undefined) throw problem('file-in-use', { detail: block.detail })
  await deleteFileRows(tx, scope, ids)
}
