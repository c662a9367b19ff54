import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { openEntry, openRun } from './run-content.ts'
import { listRunLogs as loadRunLogs } from './run-log-store.ts'
import { getRun } from './run-store.ts'
import { RunLogWire, toRunLogWire } from './run-wire.ts'

export const listRunLogs = endpoint({
  route: 'GET /api/runs/:runId/logs',
  summary: "List a run's log",
  description: 'Oldest first, so that a reader can follow it with `after`.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  query: {
    ...pageQuery,
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Return what follows this `seq`; `page` is then ignored.' }),
    ),
  },
  returns: { 200: pageOf(RunLogWire) },
  fails: [],
  async handle({ db, scope, platform, params, query }) {
    const run = await openRun(platform, await getRun(db, scope, params.runId))
    const page = parsePage(query)
    const logs = await loadRunLogs(db, run.id, { page, afterSeq: query.after })
    return ok(toPageWire(logs, page, (log) => toRunLogWire(openEntry(run.seal, log))))
  },
})
