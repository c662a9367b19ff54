import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { World } from '../../../testing/world.ts'
import { createAgentSchedule } from './create-agent-schedule.ts'
import { createSchedule } from './create-schedule.ts'
import { deleteSchedule } from './delete-schedule.ts'
import { getSchedule } from './get-schedule.ts'
import { listAgentSchedules } from './list-agent-schedules.ts'
import { listScheduleFires } from './list-schedule-fires.ts'
import { listScheduleRuns } from './list-schedule-runs.ts'
import { listSchedules } from './list-schedules.ts'
import { previewCronExpression } from './preview-cron-expression.ts'
import { previewSchedule } from './preview-schedule.ts'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule } from './testing/schedule-tests.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import { updateSchedule } from './update-schedule.ts'

const agentOf = (tenant: Tenant) => createAgent(tenant)
const scheduleOf = async (tenant: Tenant, { platform }: World) => {
  await connectModel(platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
  return makeSchedule({ send: tenant.send, agentId: await createAgent(tenant) })
}
const ofSchedule = { given: scheduleOf, call: (scheduleId: string) => ({ params: { scheduleId } }) }

describeEndpoint(createSchedule, {
  given: agentOf,
  call: (agentId) => ({ body: { agentId, cronExpression: '@daily' } }),
})
describeEndpoint(createAgentSchedule, {
  given: agentOf,
  call: (agentId) => ({ params: { agentId }, body: { cronExpression: '@daily' } }),
})
describeEndpoint(listSchedules, { given: scheduleOf, call: () => ({}) })
describeEndpoint(listAgentSchedules, { given: agentOf, call: (agentId) => ({ params: { agentId } }) })
describeEndpoint(getSchedule, ofSchedule)
describeEndpoint(updateSchedule, {
  ...ofSchedule,
  call: (scheduleId: string) => ({ params: { scheduleId }, body: { name: 'Mornings' } }),
})
describeEndpoint(deleteSchedule, ofSchedule)
describeEndpoint(runSchedule, ofSchedule)
describeEndpoint(previewSchedule, ofSchedule)
describeEndpoint(previewCronExpression, { given: agentOf, call: () => ({ body: { cronExpression: '@daily' } }) })
describeEndpoint(listScheduleRuns, ofSchedule)
describeEndpoint(listScheduleFires, ofSchedule)
