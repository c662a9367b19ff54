import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listSchedules } from './list-schedules.ts'
import { makeSchedule, readyTenant, testClock } from './testing/schedule-tests.ts'

describe('schedules', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ clock: testClock('2026-03-28T12:00:00.000Z') })
  })
  afterAll(() => world.close())

  it('are listed in pages, newest first, filtered by agent and by enabled', async () => {
    const ready = await readyTenant(world)
    const other = await createAgent(ready)
    const [first, second, third] = [
      await makeSchedule(ready),
      await makeSchedule(ready, { enabled: false }),
      await makeSchedule({ send: ready.send, agentId: other }),
    ]
    const list = async (query: Record<string, string | number>, path = '/api/schedules') => {
      const { body } = await ready.send(`GET ${path}`, { query })
      return [body.data.map((each: { id: string }) => each.id), body.pagination.total]
    }
    expect(await list({})).toEqual([[third, second, first], 3])
    expect(await list({ agentId: ready.agentId })).toEqual([[second, first], 2])
    expect(await list({ agentId: ready.agentId, enabled: 'true' })).toEqual([[first], 1])
    expect(await list({ enabled: 'false' })).toEqual([[second], 1])
    expect(await list({ page: 2, pageSize: 2 })).toEqual([[first], 3])
    expect(await list({ page: 9 })).toEqual([[], 3])
    expect(await list({}, `/api/agents/${other}/schedules`)).toEqual([[third], 1])
    expectProblem(
      listSchedules,
      await ready.send('GET /api/schedules', { query: { agentId: newWireId('agent') } }),
      'agent-not-found',
    )
    expectProblem(undefined, await ready.send(`GET /api/agents/${newWireId('agent')}/schedules`), 'agent-not-found')
  })

  it('can be previewed, even before they are created', async () => {
    const ready = await readyTenant(world)
    const rule = { cronExpression: '30 2 * * *', timezone: 'Europe/Berlin' }
    const fires = ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z', '2026-03-31T00:30:00.000Z']
    const id = await makeSchedule(ready, { ...rule, enabled: false })
    expect((await ready.send(`GET /api/schedules/${id}/preview`, { query: { count: 3 } })).body).toEqual({
      ...rule,
      fires,
    })
    expect((await ready.send('POST /api/schedules/preview', { body: { ...rule, count: 3 } })).body).toEqual({
      ...rule,
      fires,
    })
    expect(
      (await ready.send('POST /api/schedules/preview', { body: { cronExpression: '@hourly' } })).body.fires,
    ).toHaveLength(10)
    expect((await ready.send(`GET /api/schedules/${id}/preview`, { query: { count: 100 } })).body.fires).toHaveLength(
      100,
    )
    for (const count of [0, 101])
      expectProblem(
        undefined,
        await ready.send(`GET /api/schedules/${id}/preview`, { query: { count } }),
        'validation-error',
      )
    const wrong = await ready.send('POST /api/schedules/preview', {
      body: { cronExpression: '61 * * * *', timezone: 'Nowhere' },
    })
    expectProblem(undefined, wrong, 'validation-error')
    expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/cronExpression',
      '/timezone',
    ])
  })
})
