import { afterAll, beforeEach, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { fireAll, makeSchedule, readyTenant, testClock, type Ready } from './testing/schedule-tests.ts'
import { updateSchedule } from './update-schedule.ts'

describe('updateSchedule', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  let ready: Ready
  beforeAll(async () => {
    world = await openWorld({ clock })
    ready = await readyTenant(world, { input: { type: 'object', properties: { city: { type: 'string' } } } })
  })
  beforeEach(async () => {
    clock.set('2026-03-21T09:30:00.000Z')
    await world.platform.db.deleteFrom('schedules').execute()
  })
  afterAll(() => world.close())

  const patch = (id: string, body: object) => ready.send(`PATCH /api/schedules/${id}`, { body })
  const firesOf = async (id: string) => (await ready.send(`GET /api/schedules/${id}/fires`)).body.data

  it('changes the given fields and keeps the rest', async () => {
    const id = await makeSchedule(ready, { name: 'Before', budget: '1', input: { city: 'Bonn' } })
    const before = (await ready.send(`GET /api/schedules/${id}`)).body
    clock.advance(1_000)
    const after = await patch(id, { name: null, budget: null, input: { city: 'Ulm' } })
    expect(after.status, after.text).toBe(200)
    expect(after.body).toEqual({
      ...before,
      name: null,
      budget: null,
      input: { city: 'Ulm' },
      updatedAt: '2026-03-21T09:30:01.000Z',
    })
    const entries = await world.platform.db
      .selectFrom('audit_log')
      .select('changes')
      .where('resource_id', '=', id)
      .where('action', '=', 'schedule.updated')
      .execute()
    expect(entries).toEqual([
      {
        changes: {
          name: { before: 'Before', after: null },
          budget: { before: '1', after: null },
          input: { before: '***', after: '***' },
        },
      },
    ])
  })

  it('applies a changed expression or time zone from now on', async () => {
    const id = await makeSchedule(ready)
    expect((await patch(id, { cronExpression: '15 * * * *' })).body.nextRunAt).toBe('2026-03-21T10:15:00.000Z')
    expect((await patch(id, { cronExpression: '0 0 * * *', timezone: 'Asia/Kolkata' })).body.nextRunAt).toBe(
      '2026-03-21T18:30:00.000Z',
    )
    expect((await patch(id, { name: 'same times' })).body.nextRunAt).toBe('2026-03-21T18:30:00.000Z')
  })

  it('does not lose a fire that is due while another setting is changed', async () => {
    const id = await makeSchedule(ready)
    clock.set('2026-03-21T10:00:01.000Z')
    expect((await patch(id, { name: 'changed' })).body.nextRunAt).toBe('2026-03-21T10:00:00.000Z')
    await fireAll(world)
    expect(await firesOf(id)).toMatchObject([{ scheduledFor: '2026-03-21T10:00:00.000Z', outcome: 'started' }])
  })

  it('does not fire a time twice when a node with a slow clock changes the expression', async () => {
    const id = await makeSchedule(ready)
    clock.set('2026-03-21T10:00:00.000Z')
    await fireAll(world)
    clock.set('2026-03-21T09:59:58.000Z')
    expect((await patch(id, { cronExpression: '*/30 * * * *' })).body.nextRunAt).toBe('2026-03-21T10:30:00.000Z')
  })

  it('stops when it is disabled, and does not catch up when it is enabled', async () => {
    const id = await makeSchedule(ready, { missedFires: 'run-all' })
    expect((await patch(id, { enabled: false })).body).toMatchObject({ enabled: false, nextRunAt: null })
    clock.set('2026-03-21T13:30:00.000Z')
    expect(await fireAll(world)).toBe(0)
    expect((await patch(id, { enabled: true })).body).toMatchObject({
      enabled: true,
      nextRunAt: '2026-03-21T14:00:00.000Z',
    })
    await fireAll(world)
    expect(await firesOf(id)).toEqual([])
    clock.set('2026-03-21T14:00:00.000Z')
    await fireAll(world)
    expect(await firesOf(id)).toMatchObject([{ scheduledFor: '2026-03-21T14:00:00.000Z', outcome: 'started' }])
  })

  it('drops a queued fire when it is disabled', async () => {
    const id = await makeSchedule(ready, { overlap: 'queue' })
    clock.set('2026-03-21T10:00:00.000Z')
    await fireAll(world)
    clock.set('2026-03-21T11:00:00.000Z')
    await fireAll(world)
    expect((await firesOf(id))[0]).toMatchObject({ outcome: 'queued' })
    await patch(id, { enabled: false })
    expect((await firesOf(id))[0]).toMatchObject({ outcome: 'skipped-disabled', runId: null })
  })

  it('refuses invalid changes, and changes nothing', async () => {
    const id = await makeSchedule(ready, { name: 'As it was' })
    expectProblem(updateSchedule, await patch(id, { name: 'x', cronExpression: '* * *' }), 'validation-error')
    expectProblem(updateSchedule, await patch(id, { name: 'x', input: { city: 1 } }), 'validation-error')
    expectProblem(updateSchedule, await patch(id, { name: 'x', version: '7.7.7' }), 'agent-version-not-found')
    expectProblem(updateSchedule, await patch(id, { name: 'x', modelId: newWireId('model') }), 'model-not-found')
    expect((await ready.send(`GET /api/schedules/${id}`)).body.name).toBe('As it was')
  })

  it('can be disabled when its agent was deleted, but not enabled again', async () => {
    const other = await readyTenant(world)
    const id = await makeSchedule(other)
    await other.send(`DELETE /api/agents/${other.agentId}`)
    const change = (body: object) => other.send(`PATCH /api/schedules/${id}`, { body })
    expect((await change({ enabled: false })).status).toBe(200)
    expectProblem(updateSchedule, await change({ enabled: true }), 'agent-not-found')
  })
})
