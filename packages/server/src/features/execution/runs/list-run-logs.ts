import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { unsealEntry, unsealRun } from './run-content.ts'
import { findRun, loadRunLogs } from './run-store.ts'
import { RunLogWire, toRunLogWire } from './run-wire.ts'

export const listRunLogs = endpoint({
  route: 'GET /api/runs/:runId/logs',
  summary: "List a run's log",
  description:
    'Oldest first. To follow the log, pass the last `seq` as `after`. ' +
    'Every kind of entry with its fields and an example: https://appstrate.dev/docs/events',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  query: {
    ...pageQuery,
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Returns the entries after this `seq`; `page` is then ignored.' }),
    ),
  },
  returns: { 200: pageOf(RunLogWire) },
  fails: [],
  async handle({ db, scope, platform, params, query }) {
    const stored = foundOr(await findRun(db, scope, params.runId), 'run-not-found')
    const run = await unsealRun(platform, stored)
    const page = parsePage(query)
    const logs = await loadRunLogs(db, run.id, { page, afterSeq: query.after })
    return ok(toPageWire(logs, page, (log) => toRunLogWire(unsealEntry(run.seal, log))))
  },
})
