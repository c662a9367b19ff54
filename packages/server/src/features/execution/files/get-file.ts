import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { unsealFile } from './file-content.ts'
import { findFile } from './file-store.ts'
import { FileWire, toFileWire } from './file-wire.ts'

export const getFile = endpoint({
  route: 'GET /api/files/:fileId',
  summary: 'Get a file',
  caller: 'application',
  permission: 'files:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { fileId: { id: 'file', missing: 'file-not-found' } },
  returns: { 200: FileWire },
  fails: [],
  async handle({ db, scope, platform, params }) {
    const file = foundOr(await findFile(db, scope, params.fileId), 'file-not-found')
    return ok(toFileWire(await unsealFile(platform, file)))
  },
})
