import type { World } from '../../../../testing/world.ts'
import { createAgent, type AgentOptions } from '../../../../testing/factories/agent.ts'
import { connectModel } from '../../../../testing/factories/model.ts'
import type { Send } from '../../../../testing/request.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { Clock } from '../../../../platform/clock/clock.ts'
import { fireDue } from '../firing/fire-due.ts'

/** A clock that the test sets. */
export interface TestClock extends Clock {
  set(time: string): void
  advance(ms: number): void
}

export function testClock(time: string): TestClock {
  let nowMs = Date.parse(time)
  return { now: () => new Date(nowMs), set: (to) => void (nowMs = Date.parse(to)), advance: (ms) => void (nowMs += ms) }
}

/** A tenant that can run an agent. No worker executes its runs, so they stay pending. */
export interface Ready extends Tenant {
  readonly agentId: string
}

export async function readyTenant(world: World, agent: AgentOptions = {}): Promise<Ready> {
  const tenant = await world.tenant()
  await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
  return { ...tenant, agentId: await createAgent(tenant, agent) }
}

/** Creates a schedule of a ready tenant, hourly by default. Returns its id. */
export async function makeSchedule(
  { send, agentId }: { send: Send; agentId: string },
  fields: object = {},
): Promise<string> {
  const answer = await send('POST /api/schedules', { body: { agentId, cronExpression: '0 * * * *', ...fields } })
  if (answer.status !== 201) throw new Error(`The schedule was not created: ${answer.text}`)
  return String(answer.body.id)
}

/** Fires until nothing is left to do, as the job does; returns how many schedules were handled. */
export async function fireAll({ platform }: Pick<World, 'platform'>): Promise<number> {
  let fired = 0
  for (let rounds = 0; rounds < 1_000; rounds += 1) {
    const round = await fireDue(platform)
    if (round.fired === 0) return fired
    fired += round.fired
  }
  throw new Error('The schedules never stopped firing.')
}
