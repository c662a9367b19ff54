import { afterAll, beforeAll, expect, it } from 'vitest'
import { changesOf, tryChanges } from '../../../testing/try-changes.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { endRun } from './run-store.ts'
import { runStatuses, runTransitions, terminalStatuses } from './run.ts'

let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await openWorld()
  tenant = await world.tenant()
})
afterAll(() => world.close())

it('ends a run from every status that the table of transitions allows, and from no other', async () => {
  const { db } = world.platform
  const made = await tryChanges({
    statuses: runStatuses,
    given: async (status) => (await insertRun(world.platform, tenant, { status })).id,
    read: async (id) =>
      (await db.selectFrom('runs').select('status').where('id', '=', id).executeTakeFirstOrThrow()).status,
    writes: terminalStatuses.map(
      (status) => (id) => db.transaction().execute((tx) => endRun(tx, id, { status, error: null })),
    ),
  })
  const ends = changesOf(runTransitions).filter((change) => terminalStatuses.some((end) => change.endsWith(`> ${end}`)))
  expect(made).toEqual(ends)
})
