import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireTime } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { nextFires } from './cron-expression.ts'
import { findSchedule } from './schedule-store.ts'
import { SchedulePreviewWire } from './schedule-wire.ts'

const countDefault = 10

export const previewSchedule = endpoint({
  route: 'GET /api/schedules/:scheduleId/preview',
  summary: 'Preview the next fires of a schedule',
  description: 'Returns the fires of the schedule as if it were enabled.',
  caller: 'application',
  permission: 'schedules:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  query: {
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: countDefault, description: 'Number of fires to return.' }),
    ),
  },
  returns: { 200: SchedulePreviewWire },
  fails: [],
  async handle({ params, query, scope, db, now }) {
    const schedule = foundOr(await findSchedule(db, scope, params.scheduleId), 'schedule-not-found')
    const { cronExpression, timezone } = schedule
    const fires = nextFires({ cronExpression, timezone }, now, query.count ?? countDefault)
    return ok({ cronExpression, timezone, fires: fires.map((time) => toWireTime(time)) })
  },
})
