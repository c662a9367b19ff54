import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteFileRow } from './file-store.ts'

export const deleteFile = endpoint({
  route: 'DELETE /api/files/:fileId',
  summary: 'Delete a file',
  description: 'Refused while a run that has not ended takes the file as input.',
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
    // The file is gone with its row; a blob that stays behind is swept later.
    await platform.blobs
      .remove(params.fileId)
      .catch((error: unknown) => log.warn({ err: error }, "A deleted file's content was left behind."))
    return noContent()
  },
})
