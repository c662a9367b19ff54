import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { loadRunsOfSchedule, unsealSummaries, RunSummaryWire, toRunSummaryWire } from '../runs/index.ts'
import { findSchedule } from './schedule-store.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'

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
  query: pageQuery,
  returns: { 200: pageOf(RunSummaryWire) },
  fails: [],
  async handle({ params, query, scope, platform, db }) {
    const page = parsePage(query)
    const { id } = foundOr(await findSchedule(db, scope, params.scheduleId), 'schedule-not-found')
    const slice = await loadRunsOfSchedule(db, scope, { scheduleId: id, page })
    return ok(toPageWire({ ...slice, items: await unsealSummaries(platform, slice.items) }, page, toRunSummaryWire))
  },
})
