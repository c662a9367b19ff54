import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteFileRow } from './file-store.ts'

export const deleteFile = endpoint({
  route: 'DELETE /api/files/:fileId',
  summary: 'Delete a file',
  description: 'Refused while a run that has not ended uses the file as input.',
  caller: 'application',
  permission: 'files:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'file.deleted',
  params: { fileId: { id: 'file', missing: 'file-not-found' } },
  returns: { 204: Nothing },
  fails: ['file-in-use'],
  async handle({ scope, params, platform, log, change }) {
    await change(
      (tx) => deleteFileRow(tx, scope, params.fileId),
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
