import { endpoint, largeBodyBytes } from '../../../platform/http/endpoint.ts'
import { createScheduleOf } from './create-schedule.ts'
import { ScheduleRequest, ScheduleWire } from './schedule-wire.ts'

export const createAgentSchedule = endpoint({
  route: 'POST /api/agents/:agentId/schedules',
  summary: 'Create a schedule of this agent',
  description: 'Works like `POST /api/schedules`, with the agent in the path.',
  caller: 'application',
  permission: 'schedules:write',
  alsoRequires: ['agents:run'],
  forEndUsers: true,
  limit: 'create',
  idempotency: 'supported',
  audit: 'schedule.created',
  params: { agentId: { text: '`agent_…` or `@scope/name`' } },
  body: ScheduleRequest,
  bodyBytesMax: largeBodyBytes,
  returns: { 201: ScheduleWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'model-not-found', 'too-many-schedules', 'quota-exceeded'],
  async handle(call) {
    return createScheduleOf(call, call.params.agentId, call.body)
  },
})
