import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { unsealFiles } from './file-content.ts'
import { loadFiles } from './file-store.ts'
import { FileWire, toFileWire } from './file-wire.ts'

export const listFiles = endpoint({
  route: 'GET /api/files',
  summary: 'List files',
  description: 'Uploaded files and files that runs produced, newest first.',
  caller: 'application',
  permission: 'files:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(FileWire) },
  fails: [],
  async handle({ db, scope, platform, query }) {
    const page = parsePage(query, idCursor('file'))
    const slice = await loadFiles(db, scope, page)
    return ok(toPageWire({ ...slice, items: await unsealFiles(platform, slice.items) }, page, toFileWire))
  },
})
