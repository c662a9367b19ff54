import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newWireId, parseWireId } from '../../../platform/ids/id.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { fireDue } from './firing/fire-due.ts'
import { fireAll, makeSchedule, readyTenant, testClock, type Ready } from './testing/schedule-tests.ts'

describe('a schedule that is due', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  let ready: Ready
  beforeAll(async () => {
    world = await openWorld({ clock })
  })
  beforeEach(async () => {
    clock.set('2026-03-21T09:30:00.000Z')
    await world.platform.db.deleteFrom('schedules').execute()
    ready = await readyTenant(world)
  })
  afterAll(() => world.close())

  const show = async (id: string, { send } = ready) => (await send(`GET /api/schedules/${id}`)).body
  const firesOf = async (id: string, { send } = ready) =>
    (await send(`GET /api/schedules/${id}/fires`, { query: { pageSize: 100 } })).body.data
  const runsOf = async (id: string, { send } = ready) =>
    (await send(`GET /api/schedules/${id}/runs`, { query: { pageSize: 100 } })).body.data
  const entriesOf = (id: string) =>
    world.platform.db
      .selectFrom('audit_log')
      .select(['action', 'actor', 'changes', 'request_id'])
      .where('resource_id', '=', id)
      .where('action', '<>', 'schedule.created')
      .orderBy('id')
      .execute()
  const fireAt = async (time: string) => {
    clock.set(time)
    return fireAll(world)
  }

  it('fires once, with a run, a fire in its history, a next fire and an audit entry', async () => {
    const id = await makeSchedule(ready, { input: { city: 'Bonn' }, budget: '2' })
    expect(await fireAt('2026-03-21T09:59:59.999Z')).toBe(0)
    expect(await fireAt('2026-03-21T10:00:00.250Z')).toBe(1)
    expect(await fireAll(world)).toBe(0)
    const [run, ...others] = await runsOf(id)
    expect(others).toEqual([])
    expect(run).toMatchObject({
      status: 'pending',
      agentId: ready.agentId,
      scheduleId: id,
      scheduledFor: '2026-03-21T10:00:00.000Z',
      budget: '2',
      userId: null,
      apiKeyId: null,
      endUserId: null,
    })
    expect((await ready.send(`GET /api/runs/${run.id}`)).body.input).toEqual({ city: 'Bonn' })
    expect(await firesOf(id)).toEqual([
      {
        scheduledFor: '2026-03-21T10:00:00.000Z',
        through: null,
        outcome: 'started',
        runId: run.id,
        firedAt: '2026-03-21T10:00:00.250Z',
      },
    ])
    expect(await show(id)).toMatchObject({
      nextRunAt: '2026-03-21T11:00:00.000Z',
      lastRunAt: '2026-03-21T10:00:00.250Z',
      updatedAt: '2026-03-21T09:30:00.000Z',
    })
    expect(await entriesOf(id)).toEqual([
      {
        action: 'schedule.fired',
        actor: { kind: 'system', part: 'schedules' },
        changes: {
          runId: { before: null, after: run.id },
          scheduledFor: { before: null, after: '2026-03-21T10:00:00.000Z' },
        },
        request_id: null,
      },
    ])
  })

  it('fires for its end-user, and for its user', async () => {
    const endUser = await ready.endUser()
    const { send } = await ready.session()
    const theirs = await makeSchedule({ send: ready.sendAs(endUser), agentId: ready.agentId })
    const users = await makeSchedule({ send, agentId: ready.agentId })
    await fireAt('2026-03-21T10:00:00.000Z')
    expect(await runsOf(theirs)).toMatchObject([{ endUserId: endUser, userId: null }])
    expect(await runsOf(users)).toMatchObject([{ endUserId: null, userId: ready.userId }])
    expect((await ready.sendAs(endUser)('GET /api/runs')).body.pagination.total).toBe(1)
  })

  it('keeps the nominal time of a fire that jitter delays', async () => {
    const id = await makeSchedule(ready, { jitterSeconds: 3600 })
    const { due_at: dueAt } = await world.platform.db
      .selectFrom('schedules')
      .select('due_at')
      .where('id', '=', parseWireId('sched', id) ?? '')
      .executeTakeFirstOrThrow()
    const dueMs = dueAt?.getTime() ?? 0
    expect(dueMs).toBeGreaterThanOrEqual(Date.parse('2026-03-21T10:00:00Z'))
    expect(dueMs).toBeLessThan(Date.parse('2026-03-21T11:00:00Z'))
    expect(await fireAt(new Date(dueMs - 1).toISOString())).toBe(0)
    expect(await fireAt(new Date(dueMs).toISOString())).toBe(1)
    expect(await firesOf(id)).toMatchObject([{ scheduledFor: '2026-03-21T10:00:00.000Z', outcome: 'started' }])
  })

  it('records a failed run with all reasons, and an outbox event, when it cannot start', async () => {
    const id = await makeSchedule(ready, { input: {} })
    await ready.send(`PATCH /api/agents/${ready.agentId}`, {
      body: { enabled: false, input: { type: 'object', required: ['zip'] } },
    })
    await fireAt('2026-03-21T10:00:00.000Z')
    const [run] = await runsOf(id)
    expect(run).toMatchObject({
      status: 'failed',
      scheduledFor: '2026-03-21T10:00:00.000Z',
      error: {
        code: 'run-not-ready',
        reasons: [
          { pointer: '/agentId', message: 'is disabled' },
          { pointer: '/input/zip', message: 'is required' },
        ],
      },
    })
    expect(await firesOf(id)).toMatchObject([{ outcome: 'failed', runId: run.id }])
    const events = await world.platform.db
      .selectFrom('outbox')
      .select('type')
      .where('run_id', '=', parseWireId('run', run.id) ?? '')
      .execute()
    expect(events).toEqual([{ type: 'run.failed' }])
    expect(await show(id)).toMatchObject({ enabled: true, nextRunAt: '2026-03-21T11:00:00.000Z' })
  })

  it('is disabled when its agent was deleted', async () => {
    const id = await makeSchedule(ready)
    await ready.send(`DELETE /api/agents/${ready.agentId}`)
    await fireAt('2026-03-21T10:00:00.000Z')
    expect(await show(id)).toMatchObject({ enabled: false, nextRunAt: null })
    expect(await firesOf(id)).toMatchObject([{ outcome: 'failed', runId: null }])
    expect((await entriesOf(id)).map(({ action }) => action)).toEqual(['schedule.fired', 'schedule.disabled'])
    expect(await fireAt('2026-03-21T11:00:00.000Z')).toBe(0)
  })

  it.each([
    ['skip', [['skipped-missed', '10', '13']]],
    [
      'run-once',
      [
        ['started', '13', null],
        ['skipped-missed', '10', '12'],
      ],
    ],
    [
      'run-all',
      [
        ['started', '13', null],
        ['started', '12', null],
        ['started', '11', null],
        ['started', '10', null],
      ],
    ],
  ])('%s: after a pause of the server', async (missedFires, expected) => {
    const id = await makeSchedule(ready, { missedFires })
    await fireAt('2026-03-21T13:30:00.000Z')
    const hour = (time: string | null) => (time === null ? null : time.slice(11, 13))
    const seen = (await firesOf(id)).map((fire: { outcome: string; scheduledFor: string; through: string | null }) => [
      fire.outcome,
      hour(fire.scheduledFor),
      hour(fire.through),
    ])
    expect(seen).toEqual(expected)
    expect(await runsOf(id)).toHaveLength(expected.filter(([outcome]) => outcome === 'started').length)
    expect((await show(id)).nextRunAt).toBe('2026-03-21T14:00:00.000Z')
  })

  it.each([
    ['allow', ['started', 'started'], ['pending', 'pending']],
    ['skip', ['skipped-overlap', 'started'], ['pending']],
    ['queue', ['queued', 'started'], ['pending']],
    ['cancel-previous', ['started', 'started'], ['pending', 'cancelled']],
  ])('%s: while the run before it has not ended', async (overlap, outcomes, statuses) => {
    const id = await makeSchedule(ready, { overlap })
    await fireAt('2026-03-21T10:00:00.000Z')
    await fireAt('2026-03-21T11:00:00.000Z')
    expect((await firesOf(id)).map(({ outcome }: { outcome: string }) => outcome)).toEqual(outcomes)
    expect((await runsOf(id)).map(({ status }: { status: string }) => status)).toEqual(statuses)
    // An ended run does not block the next fire.
    for (const run of await runsOf(id)) await ready.send(`POST /api/runs/${run.id}/cancel`)
    await fireAt('2026-03-21T12:00:00.000Z')
    expect((await runsOf(id)).filter(({ status }: { status: string }) => status === 'pending')).toHaveLength(1)
  })

  it('cancels the run before it with its reason, its event and an entry in the audit log', async () => {
    const id = await makeSchedule(ready, { overlap: 'cancel-previous' })
    await fireAt('2026-03-21T10:00:00.000Z')
    const [first] = await runsOf(id)
    await fireAt('2026-03-21T11:00:00.000Z')
    expect((await ready.send(`GET /api/runs/${first.id}`)).body).toMatchObject({
      status: 'cancelled',
      error: { code: 'cancelled', message: 'Cancelled by the next fire of its schedule.' },
    })
    expect(await entriesOf(first.id)).toMatchObject([
      { action: 'run.cancelled', actor: { kind: 'system', part: 'schedules' } },
    ])
    // A fire that cannot start cancels nothing.
    await ready.send(`PATCH /api/agents/${ready.agentId}`, { body: { enabled: false } })
    await fireAt('2026-03-21T12:00:00.000Z')
    expect((await runsOf(id)).map(({ status }: { status: string }) => status)).toEqual([
      'failed',
      'pending',
      'cancelled',
    ])
  })

  it('is not blocked by another schedule that fails, which is retried', async () => {
    const [good, bad] = [await makeSchedule(ready), await makeSchedule(ready)]
    const badId = parseWireId('sched', bad) ?? ''
    await world.platform.db
      .updateTable('schedules')
      .set({ config: JSON.stringify('no object') })
      .where('id', '=', badId)
      .execute()
    clock.set('2026-03-21T10:00:00.000Z')
    await fireDue(world.platform)
    expect(await runsOf(good)).toHaveLength(1)
    await world.platform.db.updateTable('schedules').set({ config: '{}' }).where('id', '=', badId).execute()
    expect(await fireAt('2026-03-21T10:00:09.999Z')).toBe(0)
    expect(await fireAt('2026-03-21T10:00:10.000Z')).toBe(1)
    expect(await firesOf(bad)).toMatchObject([{ scheduledFor: '2026-03-21T10:00:00.000Z', outcome: 'started' }])
  })

  it('does not fire a schedule that was changed or deleted while its fire was prepared', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => makeSchedule(ready)))
    clock.set('2026-03-21T10:00:00.000Z')
    const path = (id: string) => `/api/schedules/${id}`
    await Promise.all([
      fireAll(world),
      ...ids.slice(0, 6).map((id) => ready.send(`PATCH ${path(id)}`, { body: { enabled: false } })),
      ...ids.slice(6).map((id) => ready.send(`DELETE ${path(id)}`)),
    ])
    for (const id of ids.slice(0, 6)) {
      const [fires, runs] = [await firesOf(id), await runsOf(id)]
      expect(runs.length).toBe(fires.length)
      expect(await show(id)).toMatchObject({ enabled: false, nextRunAt: null })
    }
    for (const id of ids.slice(6)) expect((await ready.send(`GET ${path(id)}`)).status).toBe(404)
    expect(await fireAt('2026-03-21T11:00:00.000Z')).toBe(0)
  })

  it('cannot use agents of other tenants', async () => {
    const stranger = await readyTenant(world)
    const answer = await ready.send('POST /api/schedules', {
      body: { agentId: await createAgent(stranger), cronExpression: '@hourly' },
    })
    expect(answer.status).toBe(404)
    expect((await ready.send(`GET /api/schedules/${newWireId('sched')}`)).status).toBe(404)
  })
})
