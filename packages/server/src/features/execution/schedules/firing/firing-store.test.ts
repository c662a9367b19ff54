import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseWireId } from '../../../../platform/ids/id.ts'
import { changesOf, tryChanges } from '../../../../testing/try-changes.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { cancelQueuedFire } from '../fire-store.ts'
import { fireOutcomes, fireTransitions } from '../schedule.ts'
import { makeSchedule, readyTenant, type Ready } from '../testing/schedule-tests.ts'
import { saveFires } from './firing-store.ts'

let world: World
let tenant: Ready
beforeAll(async () => {
  world = await openWorld()
  tenant = await readyTenant(world)
})
afterAll(() => world.close())

it('changes the outcome of a fire as the table of transitions allows, and in no other way', async () => {
  const { db } = world.platform
  const now = new Date()
  const fireOf = (id: string) => ({
    schedule: { id, applicationId: tenant.applicationId },
    scheduledFor: new Date(0),
    through: null,
    runId: null,
  })
  const made = await tryChanges({
    statuses: fireOutcomes,
    async given(outcome) {
      const id = parseWireId('sched', await makeSchedule(tenant)) ?? ''
      await db.transaction().execute((tx) => saveFires(tx, [{ ...fireOf(id), outcome }], now))
      return id
    },
    read: async (id) =>
      (await db.selectFrom('schedule_fires').select('outcome').where('schedule_id', '=', id).executeTakeFirstOrThrow())
        .outcome,
    writes: [
      ...fireOutcomes.map(
        (outcome) => (id: string) => db.transaction().execute((tx) => saveFires(tx, [{ ...fireOf(id), outcome }], now)),
      ),
      (id) => db.transaction().execute((tx) => cancelQueuedFire(tx, tenant.scope, id)),
    ],
  })
  expect(made).toEqual(changesOf(fireTransitions))
})
