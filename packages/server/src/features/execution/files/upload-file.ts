import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { refuseOverQuota, refuseWithoutRoom } from '../../accounts/quotas/index.ts'
import { unsealFile } from './file-content.ts'
import { insertFile } from './file-store.ts'
import { FileWire, toFileWire } from './file-wire.ts'
import { receiveUpload } from './receive-upload.ts'

export const uploadFile = endpoint({
  route: 'POST /api/files',
  summary: 'Upload a file',
  description:
    'Send one multipart part named `file`. The reply is sent once the content is durably stored; ' +
    'the id of the file can then be passed to a run.',
  caller: 'application',
  permission: 'files:write',
  forEndUsers: true,
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'file.uploaded',
  body: Type.Object({ file: Type.String({ format: 'binary' }) }),
  bodyKind: 'multipart',
  returns: { 201: FileWire },
  fails: ['file-too-large', 'malformed-request', 'quota-exceeded'],
  async handle({ platform, db, scope, request, change }) {
    const { blobs, config } = platform
    const seal = await platform.use(contentSeals).of(db, scope)
    const upload = await receiveUpload(request, {
      blobs,
      seal,
      bytesMax: config.FILE_SIZE_MAX,
      refuseWithoutRoom: (bytes) => refuseWithoutRoom(db, platform, { scope, added: { files: 1, storedBytes: bytes } }),
    })
    try {
      const file = await change(
        async (tx) => {
          await holdEndUser(tx, scope)
          const file = await insertFile(tx, scope, upload)
          await refuseOverQuota(tx, platform, { scope, added: { files: 1, storedBytes: file.sizeBytes } })
          return file
        },
        ({ id }) => toWireId('file', id),
      )
      const body = toFileWire(await unsealFile(platform, file))
      return created(body, `/api/files/${body.id}`)
    } catch (error) {
      await blobs.remove(upload.id)
      throw error
    }
  },
})
