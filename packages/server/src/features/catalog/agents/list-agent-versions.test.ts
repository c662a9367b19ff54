import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listAgentVersions } from './list-agent-versions.ts'
import { agentWorld, listed, makeAgent } from './testing/agent-tests.ts'

describeEndpoint(listAgentVersions, {
  given: (tenant) => makeAgent(tenant),
  call: ({ id }) => ({ params: { agentId: id } }),
  world: agentWorld,
})

describe('listAgentVersions', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())

  it('returns pages, newest first, by id and by name, without prompts', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    await tenant.send(`PATCH /api/agents/${id}`, { body: { displayName: 'Second', tools: ['log'], timeoutSeconds: 5 } })
    const all = await tenant.send(`GET /api/agents/${name}/versions`)
    expect(all.status, all.text).toBe(200)
    expect(all.body.data).toEqual([
      {
        version: '1.0.1',
        displayName: 'Second',
        tools: ['log'],
        timeoutSeconds: 5,
        createdAt: expect.stringMatching(/Z$/),
      },
      {
        version: '1.0.0',
        displayName: 'CSV totals',
        tools: ['output', 'bash'],
        timeoutSeconds: 60,
        createdAt: expect.stringMatching(/Z$/),
      },
    ])
    const second = await tenant.send(`GET /api/agents/${id}/versions`, { query: { page: 2, pageSize: 1 } })
    expect(listed(second, 'version')).toEqual(['1.0.0'])
    expect(second.body.pagination).toMatchObject({ page: 2, pageSize: 1, total: 2, totalPages: 2 })
  })

  it('is hidden from sibling applications and other organizations', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    const sibling = await tenant.sibling()
    expectProblem(listAgentVersions, await sibling.send(`GET /api/agents/${id}/versions`), 'agent-not-found')
    expectProblem(
      listAgentVersions,
      await (await world.tenant()).send(`GET /api/agents/${id}/versions`),
      'agent-not-found',
    )
  })
})
