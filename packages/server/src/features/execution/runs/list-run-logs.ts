import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { numberCursor } from '../../../platform/lists/cursor.ts'
import { mapSlice } from '../../../platform/lists/load-page.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { loadRunLogs } from './journal/log-list-store.ts'
import { unsealEntry } from './run-content.ts'
import { findRunOwner } from './run-state-store.ts'
import { RunLogListItemWire, toRunLogListItemWire } from './run-wire.ts'

export const listRunLogs = endpoint({
  route: 'GET /api/runs/:runId/logs',
  summary: "List a run's log",
  description:
    'Oldest first. To follow the log, pass the last `seq` as `after`. ' +
    'A page has at most 4 MiB of messages and data, or one entry: it then holds fewer entries, and `nextCursor` ' +
    'continues. With `page`, it holds all its entries, the last of them with `contentOmitted`. ' +
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
  returns: { 200: pageOf(RunLogListItemWire) },
  fails: [],
  async handle({ db, scope, platform, params, query }) {
    const { endUserId } = foundOr(await findRunOwner(db, scope, params.runId), 'run-not-found')
    const sealOf = await platform.use(contentSeals).ofAll(platform.db, scope.applicationId, [endUserId])
    const page = parsePage(query, numberCursor)
    const logs = mapSlice(await loadRunLogs(db, params.runId, page), (log) =>
      'contentOmitted' in log ? { ...log, message: null, data: null } : unsealEntry(sealOf(endUserId), log),
    )
    return ok(toPageWire(logs, page, toRunLogListItemWire))
  },
})
