import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getAgentVersion } from './get-agent-version.ts'
import { agentWorld, goodAgent, makeAgent } from './testing/agent-tests.ts'

describeEndpoint(getAgentVersion, {
  given: (tenant) => makeAgent(tenant),
  call: ({ id }) => ({ params: { agentId: id, version: '1.0.0' } }),
  world: agentWorld,
})

describe('getAgentVersion', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())

  it('returns the version as it was published', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant, { version: '1.0.0-rc.1+build.7' })
    await tenant.send(`PATCH /api/agents/${id}`, { body: { prompt: 'Changed.' } })
    for (const version of ['1.0.0-rc.1+build.7', '1.0.0-rc.1%2Bbuild.7']) {
      const answer = await tenant.send(`GET /api/agents/${name}/versions/${version}`)
      expect(answer.status, answer.text).toBe(200)
      const { createdAt, ...rest } = answer.body
      const { displayName, prompt, tools, input, output, timeoutSeconds } = goodAgent
      expect(rest).toEqual({ version: '1.0.0-rc.1+build.7', displayName, prompt, tools, input, output, timeoutSeconds })
      expect(createdAt).toMatch(/Z$/)
    }
  })

  it('answers 404 for versions that do not exist or are not versions', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    for (const version of ['1.0.1', 'latest', '^1.0.0', 'v1.0.0', '1.0', '1.0.0%20']) {
      expectProblem(
        getAgentVersion,
        await tenant.send(`GET /api/agents/${id}/versions/${version}`),
        'agent-version-not-found',
      )
    }
    expectProblem(getAgentVersion, await tenant.send('GET /api/agents/nonsense/versions/1.0.0'), 'agent-not-found')
  })

  it('is hidden from sibling applications and other organizations', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    const sibling = await tenant.sibling()
    expectProblem(getAgentVersion, await sibling.send(`GET /api/agents/${id}/versions/1.0.0`), 'agent-not-found')
    expectProblem(
      getAgentVersion,
      await (await world.tenant()).send(`GET /api/agents/${id}/versions/1.0.0`),
      'agent-not-found',
    )
  })
})
