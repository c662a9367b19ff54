import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../../testing/world.ts'
import { fireAll, makeSchedule, readyTenant, testClock, type Ready } from '../testing/schedule-tests.ts'

describe('the schedules of a suspended organization', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  let ready: Ready
  beforeAll(async () => {
    world = await openWorld({ clock })
    ready = await readyTenant(world)
  })
  afterAll(() => world.close())

  const suspend = () =>
    world.platform.db
      .insertInto('organization_suspensions')
      .values({ organization_id: ready.organizationId, reason: 'Unpaid.' })
      .execute()
  const resume = async () => {
    await sql`delete from organization_suspensions`.execute(world.platform.db)
    world.platform.wake.wake('keys', '*')
  }
  const firesOf = async (id: string) =>
    (await ready.send(`GET /api/schedules/${id}/fires`)).body.data.map(
      ({ outcome, scheduledFor }: { outcome: string; scheduledFor: string }) => [outcome, scheduledFor.slice(11, 16)],
    )

  it('do not fire, and catch nothing up afterwards, whatever the schedule says about missed fires', async () => {
    const ids = []
    for (const missedFires of ['skip', 'run-once', 'run-all'])
      ids.push(await makeSchedule(ready, { missedFires, overlap: 'allow' }))
    const other = await readyTenant(world)
    const ofOther = await makeSchedule(other)
    await suspend()
    for (const hour of ['10', '11', '12']) {
      clock.set(`2026-03-21T${hour}:00:00.000Z`)
      await fireAll(world)
    }
    // Nobody fires anything in this hour.
    clock.set('2026-03-21T13:30:00.000Z')
    await fireAll(world)
    await resume()
    expect(await fireAll(world)).toBe(0)
    for (const id of ids) {
      expect(await firesOf(id)).toEqual([])
      expect((await ready.send(`GET /api/schedules/${id}`)).body).toMatchObject({
        enabled: true,
        nextRunAt: '2026-03-21T14:00:00.000Z',
      })
    }
    clock.set('2026-03-21T14:00:00.000Z')
    await fireAll(world)
    for (const id of ids) expect(await firesOf(id)).toEqual([['started', '14:00']])
    expect((await other.send(`GET /api/schedules/${ofOther}/fires`)).body.data.length).toBeGreaterThanOrEqual(4)
  })

  it('drop a queued fire, as if they were disabled', async () => {
    clock.set('2026-03-21T14:30:00.000Z')
    const id = await makeSchedule(ready, { overlap: 'queue' })
    for (const hour of ['15', '16']) {
      clock.set(`2026-03-21T${hour}:00:00.000Z`)
      await fireAll(world)
    }
    const outcomes = [
      ['queued', '16:00'],
      ['started', '15:00'],
    ]
    expect(await firesOf(id)).toEqual(outcomes)
    await suspend()
    await sql`update runs set status = 'cancelled', completed_at = now() where status = 'pending'`.execute(
      world.platform.db,
    )
    clock.set('2026-03-21T17:00:00.000Z')
    await fireAll(world)
    await resume()
    expect(await fireAll(world)).toBe(0)
    expect(await firesOf(id)).toEqual([
      ['skipped-disabled', '16:00'],
      ['started', '15:00'],
    ])
  })
})
