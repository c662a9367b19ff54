import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listAgents } from './list-agents.ts'
import { agentWorld, goodAgent, listed, makeAgent } from './testing/agent-tests.ts'

describeEndpoint(listAgents, {
  given: (tenant) => makeAgent(tenant),
  call: () => ({ query: { page: 1 } }),
  world: agentWorld,
})

describe('listAgents', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())

  it('returns pages, newest first, with the total even past the end', async () => {
    const tenant = await world.tenant()
    for (const name of ['a', 'b', 'c']) await makeAgent(tenant, { name })
    const names = async (query: Record<string, number>) => {
      const answer = await tenant.send('GET /api/agents', { query })
      return {
        names: listed(answer, 'name').map((name) => String(name).split('/')[1]),
        pagination: answer.body.pagination,
      }
    }
    expect(await names({})).toEqual({
      names: ['c', 'b', 'a'],
      pagination: { page: 1, pageSize: 20, total: 3, totalPages: 1, nextCursor: null },
    })
    expect(await names({ page: 2, pageSize: 2 })).toEqual({
      names: ['a'],
      pagination: { page: 2, pageSize: 2, total: 3, totalPages: 2, nextCursor: null },
    })
    expect(await names({ page: 9, pageSize: 2 })).toEqual({
      names: [],
      pagination: { page: 9, pageSize: 2, total: 3, totalPages: 2, nextCursor: null },
    })
  })

  it('shows an agent without its prompt and schemas', async () => {
    const tenant = await world.tenant()
    const { body: agent } = await tenant.send('POST /api/agents', { body: goodAgent })
    const { prompt: _prompt, input: _input, output: _output, ...listed } = agent
    expect((await tenant.send('GET /api/agents')).body.data).toEqual([listed])
  })

  it('shows the installed version after a change', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    await tenant.send(`PATCH /api/agents/${id}`, { body: { displayName: 'Renamed', tools: [], enabled: false } })
    const [item] = (await tenant.send('GET /api/agents')).body.data
    expect(item).toMatchObject({ id, displayName: 'Renamed', version: '1.0.1', tools: [], enabled: false })
  })

  it('shows only the agents of this application, also on behalf of an end-user', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const { id } = await makeAgent(tenant)
    await makeAgent(sibling, { name: 'sibling' })
    await makeAgent(await world.tenant())
    expect(listed(await tenant.send('GET /api/agents'), 'id')).toEqual([id])
    const asEndUser = tenant.sendAs(await tenant.endUser())
    expect(listed(await asEndUser('GET /api/agents'), 'id')).toEqual([id])
  })

  it('omits packages of other types, which are installed in the same way', async () => {
    const tenant = await world.tenant()
    await makeAgent(tenant)
    await world.platform.db
      .updateTable('packages')
      .set({ type: 'skill' })
      .where('organization_id', '=', tenant.organizationId)
      .execute()
    expect((await tenant.send('GET /api/agents')).body).toMatchObject({ data: [], pagination: { total: 0 } })
  })
})
