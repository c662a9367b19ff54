import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../../platform/ids/id.ts'
import type { OutboxEvent } from '../../../../platform/outbox/outbox.ts'
import { relayEvents } from '../../../../platform/outbox/relay-events.job.ts'
import { eventually, openRunWorld, type RunWorld } from '../../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { fireAll, makeSchedule, readyTenant, testClock } from '../testing/schedule-tests.ts'
import { queuedFires } from './queued-fires.ts'

describe('a queued fire', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  beforeAll(async () => {
    world = await openWorld({ clock })
  })
  afterAll(() => world.close())

  const relay = () => relayEvents([queuedFires]).run(world.platform, new AbortController().signal)

  it('starts when the previous run has ended; at most one fire is queued', async () => {
    clock.set('2026-03-21T09:30:00.000Z')
    const ready = await readyTenant(world)
    const id = await makeSchedule(ready, { overlap: 'queue' })
    const outcomes = async () =>
      (await ready.send(`GET /api/schedules/${id}/fires`)).body.data.map(({ outcome }: { outcome: string }) => outcome)
    for (const hour of ['10', '11', '12']) {
      clock.set(`2026-03-21T${hour}:00:00.000Z`)
      await fireAll(world)
    }
    expect(await outcomes()).toEqual(['skipped-overlap', 'queued', 'started'])
    clock.set('2026-03-21T12:20:00.000Z')
    await relay()
    expect(await fireAll(world)).toBe(0)
    const [first] = (await ready.send(`GET /api/schedules/${id}/runs`)).body.data
    await ready.send(`POST /api/runs/${first.id}/cancel`)
    let woken = 0
    const unsubscribe = world.platform.wake.subscribe('schedules', () => void (woken += 1))
    await relay()
    unsubscribe()
    expect(woken).toBeGreaterThan(0)
    await fireAll(world)
    expect(await outcomes()).toEqual(['skipped-overlap', 'started', 'started'])
    const [second] = (await ready.send(`GET /api/schedules/${id}/runs`)).body.data
    expect(second).toMatchObject({ status: 'pending', scheduledFor: '2026-03-21T11:00:00.000Z' })
    expect((await ready.send(`GET /api/schedules/${id}/fires`)).body.data[1]).toMatchObject({
      runId: second.id,
      firedAt: '2026-03-21T12:20:00.000Z',
    })
    expect((await ready.send(`GET /api/schedules/${id}`)).body.nextRunAt).toBe('2026-03-21T13:00:00.000Z')
  })

  it('starts once, even if the run ends while the schedule fires', async () => {
    clock.set('2026-03-21T09:30:00.000Z')
    const ready = await readyTenant(world)
    const ids = []
    for (let n = 0; n < 10; n += 1) ids.push(await makeSchedule(ready, { overlap: 'queue' }))
    clock.set('2026-03-21T10:00:00.000Z')
    await fireAll(world)
    clock.set('2026-03-21T11:00:00.000Z')
    const runs = (await ready.send('GET /api/runs', { query: { pageSize: 100 } })).body.data
    expect(runs).toHaveLength(10)
    await Promise.all([
      fireAll(world),
      fireAll(world),
      ...runs.map((run: { id: string }) => ready.send(`POST /api/runs/${run.id}/cancel`)),
    ])
    await relay()
    await fireAll(world)
    for (const id of ids) {
      const { data } = (await ready.send(`GET /api/schedules/${id}/runs`)).body
      expect(data.map(({ status }: { status: string }) => status)).toEqual(['pending', 'cancelled'])
    }
  })

  it('reacts only to ended runs of schedules', async () => {
    const event = {
      id: 1,
      organizationId: '',
      applicationId: '',
      runId: null,
      agentId: null,
      endUserId: null,
      createdAt: new Date(0),
    }
    const events: OutboxEvent[] = [
      { ...event, type: 'run.started', payload: { scheduleId: 'sched_01kn3v1c2yf5tb6e2xk7y5w0aa' } },
      { ...event, type: 'run.completed', payload: { scheduleId: null } },
      { ...event, type: 'run.completed', payload: { scheduleId: 'nonsense' } },
    ]
    let woken = 0
    const unsubscribe = world.platform.wake.subscribe('schedules', () => void (woken += 1))
    queuedFires.committed?.(world.platform, events)
    unsubscribe()
    expect(woken).toBe(0)
  })
})

// Never due during a test: only fires that the test makes due are started.
const neverSoon = '0 0 29 2 *'

describe('with workers and jobs', { timeout: 120_000 }, () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld({ jobs: true })
  })
  afterAll(() => world.close())

  const dueNow = async (ids: readonly string[]) => {
    const uuids = ids.map((id) => parseWireId('sched', id) ?? '')
    const at = new Date(Math.ceil(Date.now() / 1000) * 1000)
    await world.platform.db
      .updateTable('schedules')
      .set({ next_run_at: at, due_at: at })
      .where('id', 'in', uuids)
      .execute()
    world.platform.wake.wake('schedules', '')
  }

  it('a due schedule fires and its run is executed', async () => {
    const actor = await world.actor('hello')
    const id = await makeSchedule(actor, { cronExpression: neverSoon })
    await dueNow([id])
    const run = await eventually(
      async () =>
        (await actor.send(`GET /api/schedules/${id}/runs`)).body.data.find(
          ({ status }: { status: string }) => status === 'success',
        ),
      30_000,
    )
    expect(Date.parse(run.createdAt)).toBeGreaterThanOrEqual(Date.parse(run.scheduledFor))
  })

  it('a queued fire starts after the previous run has ended', async () => {
    world.models.registerScenario('hour-long', { steps: [{ delayMs: 3_600_000, text: 'At last.' }] })
    const actor = await world.actor('hour-long')
    const id = await makeSchedule(actor, { overlap: 'queue', cronExpression: neverSoon })
    const runs = async () => (await actor.send(`GET /api/schedules/${id}/runs`)).body.data
    const fires = async () => (await actor.send(`GET /api/schedules/${id}/fires`)).body.data
    await dueNow([id])
    const first = await eventually(
      async () => (await runs()).find(({ status }: { status: string }) => status === 'running'),
      30_000,
    )
    await dueNow([id])
    await eventually(async () => ((await fires())[0]?.outcome === 'queued' ? true : undefined), 30_000)
    await actor.send(`POST /api/runs/${first.id}/cancel`)
    const second = await eventually(
      async () => (await runs()).find((run: { id: string }) => run.id !== first.id),
      30_000,
    )
    await actor.send(`POST /api/runs/${second.id}/cancel`)
    await sql`delete from schedules`.execute(world.platform.db)
  })
})
