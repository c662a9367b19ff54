import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { removeOldFires } from './remove-old-fires.job.ts'
import { makeSchedule, readyTenant, testClock } from './testing/schedule-tests.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ clock: testClock('2026-06-30T00:00:00.000Z') })
})
afterAll(() => world.close())

it('deletes fires older than 90 days in batches, and keeps a queued one', async () => {
  const ready = await readyTenant(world)
  const id = parseWireId('sched', await makeSchedule(ready)) ?? ''
  const insert = (outcome: string, firedAt: string, count: number) =>
    sql`
      insert into schedule_fires (application_id, schedule_id, scheduled_for, outcome, fired_at)
      select ${ready.applicationId}, ${id}, ${firedAt}::timestamptz - n * interval '1 minute', ${outcome}, ${firedAt}
      from generate_series(1, ${count}) as n`.execute(world.platform.db)
  await insert('started', '2026-03-31T23:59:59Z', 1_500)
  await insert('queued', '2026-03-01T00:00:00Z', 1)
  await insert('started', '2026-04-01T00:00:01Z', 2)
  const run = () => removeOldFires.run(world.platform, new AbortController().signal)
  expect([await run(), await run(), await run()]).toEqual([true, false, false])
  const left = await world.platform.db.selectFrom('schedule_fires').select('outcome').orderBy('scheduled_for').execute()
  expect(left.map(({ outcome }) => outcome)).toEqual(['queued', 'started', 'started'])
})
