import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { unsealFiles } from './file-content.ts'
import { loadRunFiles } from './file-store.ts'
import { FileWire, toFileWire } from './file-wire.ts'

export const listRunFiles = endpoint({
  route: 'GET /api/runs/:runId/files',
  summary: "List a run's files",
  description: 'The files that the agent left below /workspace/output, newest first.',
  caller: 'application',
  permission: 'files:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  query: pageQuery,
  returns: { 200: pageOf(FileWire) },
  fails: ['run-not-found'],
  async handle({ db, scope, platform, params, query }) {
    const page = parsePage(query, idCursor('file'))
    if (!(await platform.hooks.isVisible('run', db, { scope, id: params.runId }))) throw problem('run-not-found')
    const slice = await loadRunFiles(db, scope, { runId: params.runId, page })
    return ok(toPageWire({ ...slice, items: await unsealFiles(platform, slice.items) }, page, toFileWire))
  },
})
