import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule, readyTenant, testClock, type Ready } from './testing/schedule-tests.ts'

describe('runSchedule', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  let ready: Ready
  beforeAll(async () => {
    world = await openWorld({ clock })
    ready = await readyTenant(world)
  })
  afterAll(() => world.close())

  const runNow = (id: string, send = ready.send) => send(`POST /api/schedules/${id}/run`)

  it('starts a run with the settings of the schedule, even if it is disabled, and keeps its times', async () => {
    const id = await makeSchedule(ready, { enabled: false, input: { city: 'Bonn' }, budget: '0.5' })
    const answer = await runNow(id)
    expect(answer.status, answer.text).toBe(202)
    expect(answer.headers.get('location')).toBe(`/api/runs/${answer.body.id}`)
    expect(answer.body).toMatchObject({
      status: 'pending',
      scheduleId: id,
      scheduledFor: null,
      input: { city: 'Bonn' },
      budget: '0.5',
      userId: null,
      apiKeyId: ready.apiKeyId,
    })
    expect((await ready.send(`GET /api/schedules/${id}`)).body).toMatchObject({
      lastRunAt: '2026-03-21T09:30:00.000Z',
      nextRunAt: null,
    })
    expect((await ready.send(`GET /api/schedules/${id}/runs`)).body.data).toMatchObject([{ id: answer.body.id }])
    expect((await ready.send(`GET /api/schedules/${id}/fires`)).body.data).toEqual([])
  })

  it("always belongs to the schedule's end-user", async () => {
    const mine = await ready.endUser()
    const id = await makeSchedule({ send: ready.sendAs(mine), agentId: ready.agentId })
    expect((await runNow(id)).body.endUserId).toBe(mine)
    expect((await runNow(id, ready.sendAs(mine))).body.endUserId).toBe(mine)
  })

  it('is refused with all reasons when the run cannot start', async () => {
    const other = await readyTenant(world, { input: { type: 'object', properties: { city: { type: 'string' } } } })
    const id = await makeSchedule(other, { input: { city: 'Bonn' } })
    await other.send(`PATCH /api/agents/${other.agentId}`, {
      body: { enabled: false, input: { type: 'object', required: ['zip'] } },
    })
    const answer = await runNow(id, other.send)
    expectProblem(runSchedule, answer, 'run-not-ready')
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/agentId', '/input/zip'])
    await other.send(`DELETE /api/agents/${other.agentId}`)
    expectProblem(runSchedule, await runNow(id, other.send), 'agent-not-found')
  })

  it('also requires the permission to read schedules', async () => {
    const id = await makeSchedule(ready)
    const weak = await ready.key({ scopes: ['agents:run'] })
    expectProblem(runSchedule, await runNow(id, weak.send), 'forbidden')
  })

  it('starts one run per idempotency key, even if the stored reply was lost', async () => {
    const id = await makeSchedule(ready)
    const headers = { 'idempotency-key': 'once and no more' }
    const first = await ready.send(`POST /api/schedules/${id}/run`, { headers })
    await forgetReplies(world)
    // The run exists already, so the disabled agent does not matter.
    await ready.send(`PATCH /api/agents/${ready.agentId}`, { body: { enabled: false } })
    const again = await ready.send(`POST /api/schedules/${id}/run`, { headers })
    await ready.send(`PATCH /api/agents/${ready.agentId}`, { body: { enabled: true } })
    expect([again.status, again.body.id]).toEqual([202, first.body.id])
    expect((await ready.send(`GET /api/schedules/${id}/runs`)).body.pagination.total).toBe(1)
  })
})

// Only the keys of this test world: other worlds use the same Redis.
async function forgetReplies({ platform: { db, redis } }: World): Promise<void> {
  await db.deleteFrom('idempotency_keys').execute()
  const prefix = redis?.options.keyPrefix ?? ''
  for (const key of (await redis?.keys(`${prefix}*`)) ?? []) await redis?.del(key.slice(prefix.length))
}
