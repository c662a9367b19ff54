import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { openSchedule } from './schedule-content.ts'
import { getSchedule as loadSchedule } from './schedule-store.ts'
import { ScheduleWire, toScheduleWire } from './schedule-wire.ts'

export const getSchedule = endpoint({
  route: 'GET /api/schedules/:scheduleId',
  summary: 'Get a schedule',
  caller: 'application',
  permission: 'schedules:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  returns: { 200: ScheduleWire },
  fails: [],
  handle: async ({ db, scope, params, platform }) =>
    ok(toScheduleWire(await openSchedule(platform, await loadSchedule(db, scope, params.scheduleId)))),
})
