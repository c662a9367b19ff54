import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { openFile } from './file-content.ts'
import { insertFile } from './file-store.ts'
import { FileWire, toFileWire } from './file-wire.ts'
import { receiveUpload } from './receive-upload.ts'

export const uploadFile = endpoint({
  route: 'POST /api/files',
  summary: 'Upload a file',
  description:
    'One part named `file`, streamed to disk. The reply comes when the content is durable; its id can then be given to a run.',
  caller: 'application',
  permission: 'files:write',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'file.uploaded',
  body: Type.Object({ file: Type.String({ format: 'binary' }) }),
  bodyKind: 'multipart',
  returns: { 201: FileWire },
  fails: ['file-too-large', 'malformed-request'],
  async handle({ platform, db, scope, request, change }) {
    const upload = await receiveUpload(platform, request, await platform.use(contentSeals).of(db, scope))
    try {
      const file = await change(
        async (tx) => {
          await holdEndUser(tx, scope)
          return insertFile(tx, scope, upload)
        },
        ({ id }) => toWireId('file', id),
      )
      const body = toFileWire(await openFile(platform, file))
      return created(body, `/api/files/${body.id}`)
    } catch (error) {
      await platform.blobs.remove(upload.id)
      throw error
    }
  },
})
