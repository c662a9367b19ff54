import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireTime } from '../../../platform/http/wire.ts'
import { findRuleMistakes, nextFires, tidyExpression } from './cron-expression.ts'
import { ruleFields, SchedulePreviewWire } from './schedule-wire.ts'

const countDefault = 10

export const previewCronExpression = endpoint({
  route: 'POST /api/schedules/preview',
  summary: 'Preview the fires of a cron expression',
  description: 'Computes the next fires of the expression without creating a schedule.',
  caller: 'application',
  permission: 'schedules:read',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  body: Type.Object({
    ...ruleFields,
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: countDefault, description: 'Number of fires to return.' }),
    ),
  }),
  returns: { 200: SchedulePreviewWire },
  fails: [],
  async handle({ body, now }) {
    const rule = { cronExpression: tidyExpression(body.cronExpression), timezone: body.timezone ?? 'UTC' }
    refuseInvalid(findRuleMistakes(rule))
    const fires = nextFires(rule, now, body.count ?? countDefault)
    return ok({ ...rule, fires: fires.map((time) => toWireTime(time)) })
  },
})
