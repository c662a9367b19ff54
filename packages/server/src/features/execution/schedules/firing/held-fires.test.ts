import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { openWorld, type World } from '../../../../testing/world.ts'
import { runStarts } from '../../../accounts/quotas/index.ts'
import { overrideQuotas } from '../../../accounts/quotas/testing/override-quotas.ts'
import { fireAll, makeSchedule, readyTenant, testClock, type Ready } from '../testing/schedule-tests.ts'
import { fireDue } from './fire-due.ts'

const runsPerMinute = 4
const clock = testClock('2026-03-21T09:30:00.000Z')
let world: World
beforeAll(async () => {
  world = await openWorld({ clock, environment: { QUOTA_RUNS_PER_MINUTE: String(runsPerMinute) } })
})
beforeEach(async () => {
  clock.set('2026-03-21T09:30:00.000Z')
  await world.platform.db.deleteFrom('schedules').execute()
})
afterAll(() => world.close())

async function readyWith(count: number, fields: object = {}): Promise<Ready & { readonly ids: readonly string[] }> {
  const ready = await readyTenant(world)
  const ids: string[] = []
  for (let index = 0; index < count; index += 1) ids.push(await makeSchedule(ready, fields))
  return { ...ready, ids }
}

/** The schedules whose runs were created, in that order. */
async function firedOf({ organizationId }: Ready) {
  return world.platform.db
    .selectFrom('runs')
    .select(['id', 'schedule_id', 'scheduled_for'])
    .where('organization_id', '=', organizationId)
    .where('schedule_id', 'is not', null)
    .orderBy('id')
    .execute()
}

/** The count of a minute ends by real time: this takes back what the organization has started in it. */
const nextMinute = async ({ organizationId }: Ready) => {
  const starts = world.platform.use(runStarts)
  await starts.giveBack(organizationId, (await starts.read(organizationId)).count)
}

it('let fires over the rate wait for the next minutes, in order and late, without losing one', async () => {
  const [busy, calm] = [await readyWith(10), await readyWith(2)]
  clock.set('2026-03-21T10:00:00.250Z')
  expect(await fireAll(world)).toBe(runsPerMinute + 2)
  expect(await firedOf(calm)).toHaveLength(2)
  const rows = await world.platform.db
    .selectFrom('schedules')
    .select(['id', 'held_for'])
    .where('organization_id', '=', busy.organizationId)
    .orderBy('id')
    .execute()
  expect(rows.map(({ held_for }) => held_for !== null)).toEqual(rows.map((_, place) => place >= runsPerMinute))
  for (const [minute, fired] of [
    [2, 8],
    [4, 10],
    [6, 10],
  ] as const) {
    await nextMinute(busy)
    clock.set(`2026-03-21T10:0${minute}:00.000Z`)
    await fireAll(world)
    const runs = await firedOf(busy)
    expect(runs.map(({ schedule_id }) => schedule_id).sort()).toEqual(rows.slice(0, fired).map(({ id }) => id))
    expect(new Set(runs.map(({ scheduled_for }) => scheduled_for?.toISOString()))).toEqual(
      new Set(['2026-03-21T10:00:00.000Z']),
    )
  }
  const fires = await busy.send(`GET /api/schedules/${busy.ids[9]}/fires`)
  expect(fires.body.data).toMatchObject([{ outcome: 'started', scheduledFor: '2026-03-21T10:00:00.000Z' }])
})

it('count with the runs that keys and users start, and are counted with them', async () => {
  const ready = await readyWith(3)
  const start = () => ready.send('POST /api/runs', { body: { agentId: ready.agentId } })
  expect([(await start()).status, (await start()).status]).toEqual([202, 202])
  clock.set('2026-03-21T10:00:00.250Z')
  expect(await fireAll(world)).toBe(2)
  const refused = await start()
  expect(refused.body).toMatchObject({ status: 429, quota: 'runsPerMinute', limit: runsPerMinute })
  expect((await ready.send(`POST /api/schedules/${ready.ids[0]}/run`)).status).toBe(429)
})

it('fire each schedule once when several processes fire them at the same time', async () => {
  const ready = await readyWith(9)
  clock.set('2026-03-21T10:00:00.250Z')
  for (let minute = 1; minute <= 8; minute += 1) {
    const rounds = await Promise.all([fireDue(world.platform), fireDue(world.platform), fireDue(world.platform)])
    expect(rounds.reduce((sum, { fired }) => sum + fired, 0)).toBeLessThanOrEqual(runsPerMinute)
    await fireAll(world)
    await nextMinute(ready)
    clock.advance(70_000)
  }
  const runs = await firedOf(ready)
  expect(runs.map(({ schedule_id }) => schedule_id)).toHaveLength(9)
  expect(new Set(runs.map(({ schedule_id }) => schedule_id)).size).toBe(9)
})

it('wait while the organization has too many unfinished runs', async () => {
  const ready = await readyWith(3)
  await overrideQuotas(world, ready, { unfinishedRuns: 2 })
  clock.set('2026-03-21T10:00:00.250Z')
  expect(await fireAll(world)).toBe(2)
  clock.advance(120_000)
  expect(await fireAll(world)).toBe(0)
  const [first] = await firedOf(ready)
  await world.platform.db
    .updateTable('runs')
    .set({ status: 'cancelled', completed_at: new Date() })
    .where('id', '=', first?.id ?? '')
    .execute()
  clock.advance(120_000)
  expect(await fireAll(world)).toBe(1)
  expect(await firedOf(ready)).toHaveLength(3)
})

it('start what each of ten organizations may, although one has many more schedules', async () => {
  const organizations = [await readyWith(15)]
  for (let index = 1; index < 10; index += 1) organizations.push(await readyWith(1 + (index % runsPerMinute)))
  clock.set('2026-03-21T10:00:00.250Z')
  await fireAll(world)
  const counts = await Promise.all(organizations.map(async (ready) => (await firedOf(ready)).length))
  expect(counts).toEqual(organizations.map(({ ids }) => Math.min(ids.length, runsPerMinute)))
})
