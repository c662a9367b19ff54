import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { unsealSchedule } from './schedule-content.ts'
import { findSchedule } from './schedule-store.ts'
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
  async handle({ db, scope, params, platform }) {
    const schedule = foundOr(await findSchedule(db, scope, params.scheduleId), 'schedule-not-found')
    return ok(toScheduleWire(await unsealSchedule(platform, schedule)))
  },
})
