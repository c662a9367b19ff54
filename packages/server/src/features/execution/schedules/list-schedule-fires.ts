import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { timeCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { loadFires } from './fire-store.ts'
import { findScheduleId } from './schedule-list-store.ts'
import { ScheduleFireWire, toScheduleFireWire } from './schedule-wire.ts'

export const listScheduleFires = endpoint({
  route: 'GET /api/schedules/:scheduleId/fires',
  summary: 'List the fires of a schedule',
  description:
    'The history of the last 90 days with the outcome of each fire, latest first. Manual runs are not fires.',
  caller: 'application',
  permission: 'schedules:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  query: pageQuery,
  returns: { 200: pageOf(ScheduleFireWire) },
  fails: [],
  async handle({ params, query, scope, db }) {
    const page = parsePage(query, timeCursor)
    const id = foundOr(await findScheduleId(db, scope, params.scheduleId), 'schedule-not-found')
    return ok(toPageWire(await loadFires(db, scope, { scheduleId: id, page }), page, toScheduleFireWire))
  },
})
