import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getAgent } from './get-agent.ts'
import { agentWorld, goodAgent, makeAgent } from './testing/agent-tests.ts'

describeEndpoint(getAgent, {
  given: (tenant) => makeAgent(tenant),
  call: ({ id }) => ({ params: { agentId: id } }),
  world: agentWorld,
})

describe('getAgent', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())

  it('finds an agent by its id and by its name, in one segment and in two', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    for (const reference of [id, encodeURIComponent(name), name]) {
      const answer = await tenant.send(`GET /api/agents/${reference}`)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body).toMatchObject({
        id,
        name,
        prompt: goodAgent.prompt,
        input: goodAgent.input,
        output: goodAgent.output,
      })
    }
  })

  it('hides an agent from other tenants and sibling applications, by id and by name', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    const sibling = await tenant.sibling()
    const stranger = await world.tenant()
    for (const reference of [id, encodeURIComponent(name)]) {
      expectProblem(getAgent, await sibling.send(`GET /api/agents/${reference}`), 'agent-not-found')
      expectProblem(getAgent, await stranger.send(`GET /api/agents/${reference}`), 'agent-not-found')
    }
  })

  it('answers 404 for an invalid reference', async () => {
    const tenant = await world.tenant()
    for (const reference of [
      'nonsense',
      newWireId('agent'),
      newWireId('run'),
      '@acme%2Fmissing',
      '%40a%2Fb%2Fc',
      '@a%2F_',
      'agent_',
    ]) {
      expectProblem(getAgent, await tenant.send(`GET /api/agents/${reference}`), 'agent-not-found')
    }
  })

  it('is available to viewers and end-users', async () => {
    const viewer = await world.tenant({ role: 'viewer' })
    expectProblem(getAgent, await viewer.send(`GET /api/agents/${newWireId('agent')}`), 'agent-not-found')
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    const asEndUser = tenant.sendAs(await tenant.endUser())
    expect((await asEndUser(`GET /api/agents/${id}`)).status).toBe(200)
  })
})
