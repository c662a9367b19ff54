import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { openFile } from './file-content.ts'
import { getFile as loadFile } from './file-store.ts'
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
  handle: async ({ db, scope, platform, params }) =>
    ok(toFileWire(await openFile(platform, await loadFile(db, scope, params.fileId)))),
})
