import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { includeQuery, loadListedRuns, RunListItemWire, toRunListItemWire } from '../runs/index.ts'
import { findScheduleId } from './schedule-list-store.ts'

export const listScheduleRuns = endpoint({
  route: 'GET /api/schedules/:scheduleId/runs',
  summary: 'List the runs of a schedule',
  description: 'Newest first, including runs that were started manually.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  query: { ...pageQuery, ...includeQuery },
  returns: { 200: pageOf(RunListItemWire) },
  fails: [],
  async handle({ params, query, scope, platform, db }) {
    const page = parsePage(query, idCursor('run'))
    const id = foundOr(await findScheduleId(db, scope, params.scheduleId), 'schedule-not-found')
    const list = { page, filters: { scheduleId: id }, include: query.include }
    return ok(toPageWire(await loadListedRuns({ db, scope, platform }, list), page, toRunListItemWire))
  },
})
