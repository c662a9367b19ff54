import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { makeSchedule } from './make-schedule.ts'
import { scheduleRequestFields, ScheduleWire, toScheduleWire } from './schedule-wire.ts'

export const createSchedule = endpoint({
  route: 'POST /api/schedules',
  summary: 'Create a schedule',
  description:
    'Runs the agent at every time that the cron expression matches in the time zone. ' +
    'With `Appstrate-User`, the schedule and its runs belong to that end-user.',
  caller: 'application',
  permission: 'schedules:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'schedule.created',
  body: Type.Object({
    agentId: Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' }),
    ...scheduleRequestFields,
  }),
  returns: { 201: ScheduleWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'model-not-found', 'too-many-schedules'],
  async handle(call) {
    const { agentId, ...request } = call.body
    const reply = toScheduleWire(await makeSchedule(call, agentId, request))
    return created(reply, `/api/schedules/${reply.id}`)
  },
})
