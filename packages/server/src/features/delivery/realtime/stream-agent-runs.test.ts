import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { appendEvent, appendLogs, insertAgent, insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { realtimeFeature } from './index.ts'
import { realtimeHub } from './realtime-hub.ts'
import { streamAgentRuns } from './stream-agent-runs.ts'
import { openSse } from './testing/sse-stream.ts'

const options = { features: [realtimeFeature] }

describeEndpoint(streamAgentRuns, {
  given(tenant, world) {
    world.platform.use(realtimeHub).setTimings({ pingMs: 20, lifetimeMs: 0 })
    return insertAgent(world.platform, tenant)
  },
  call: (agent) => ({ params: { agentId: agent.wireId } }),
  world: options,
})

describe("the stream of an agent's runs", () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  it("has the events of all its runs and of no other agent's, by id and by name", async () => {
    const agent = await insertAgent(world.platform, tenant)
    const [one, two, other] = [
      await insertRun(world.platform, tenant, { agent }),
      await insertRun(world.platform, tenant, { agent }),
      await insertRun(world.platform, tenant),
    ]
    const names = [agent.wireId, encodeURIComponent(agent.name), agent.name]
    const streams = await Promise.all(
      names.map((name) => openSse(`${world.url}/api/realtime/agents/${name}/runs?token=${tenant.apiKey}`)),
    )
    for (const stream of streams) await stream.until(() => stream.events.length === 1)
    await appendEvent(world.platform, other, { message: 'of another agent' })
    await appendEvent(world.platform, one, { message: 'one' })
    await appendEvent(world.platform, two, { status: 'failed' })
    for (const stream of streams) {
      await stream.until(() => stream.runEvents.length === 2)
      expect(stream.runEvents.map(({ event, data }) => [event, data.runId ?? data.id])).toEqual([
        ['run_log', one.wireId],
        ['run_update', two.wireId],
      ])
    }
    const resumed = await openSse(`${world.url}/api/realtime/agents/${agent.wireId}/runs?token=${tenant.apiKey}`, {
      'last-event-id': streams[0]?.runEvents[0]?.id ?? '',
    })
    await resumed.until(() => resumed.runEvents.length === 1)
    expect(resumed.runEvents[0]?.data.status).toBe('failed')
    for (const stream of [...streams, resumed]) stream.close()
  })

  it('counts the distance of a cursor in its own events, not in those of other agents', async () => {
    const [quiet, busy] = [await insertRun(world.platform, tenant), await insertRun(world.platform, tenant)]
    const url = `${world.url}/api/realtime/agents/${quiet.agent.wireId}/runs?token=${tenant.apiKey}`
    const first = await openSse(url)
    await first.until(() => first.events.length === 1)
    first.close()
    await appendLogs(world.platform, busy, 10_001)
    await appendEvent(world.platform, quiet, { message: 'after all that' })
    const second = await openSse(url, { 'last-event-id': first.events[0]?.id ?? '' })
    await second.until(() => second.runEvents.length === 1)
    expect(second.events.map(({ event }) => event)).toEqual(['ping', 'run_log'])
    second.close()
  })

  it('answers 404 for an agent that is unknown, of another application, or not an agent', async () => {
    const stranger = await world.tenant()
    const agent = await insertAgent(world.platform, tenant)
    for (const name of [agent.wireId, encodeURIComponent(agent.name)]) {
      expectProblem(streamAgentRuns, await stranger.send(`GET /api/realtime/agents/${name}/runs`), 'agent-not-found')
    }
    for (const name of [newWireId('agent'), 'nonsense', '%40test%2Fnobody']) {
      expectProblem(streamAgentRuns, await tenant.send(`GET /api/realtime/agents/${name}/runs`), 'agent-not-found')
    }
  })
})
