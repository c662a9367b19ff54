import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { runStatuses, statusesBefore } from '../runs/index.ts'
import { claimRuns } from './claim-store.ts'
import { endLease, extendLease } from './lease-store.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('claims no runs for a worker whose lease has ended, and never its own runs', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const [workerId, otherId] = [newUuid(), newUuid()]
  const [own, lost, pending] = [
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant, { status: 'pending' }),
  ]
  await sql`delete from runs where id not in (${own.id}, ${lost.id}, ${pending.id})`.execute(db)
  await sql`update runs set worker_id = ${workerId} where id = ${own.id}`.execute(db)
  await sql`update runs set worker_id = ${otherId} where id = ${lost.id}`.execute(db)
  const claim = () => db.transaction().execute((tx) => claimRuns(tx, workerId, 10))
  for (const id of [workerId, otherId]) {
    await extendLease(db, id)
    await endLease(db, id)
  }
  expect(await claim()).toEqual([])
  await extendLease(db, workerId)
  expect((await claim()).map(({ run }) => run.id).sort()).toEqual([lost.id, pending.id].sort())
})

it('claims runs only in the statuses that the table of transitions allows', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const workerId = newUuid()
  const inserted = await Promise.all(
    runStatuses.map(async (status) => ({ status, ...(await insertRun(world.platform, tenant, { status })) })),
  )
  await extendLease(db, workerId)
  const claims = await db.transaction().execute((tx) => claimRuns(tx, workerId, 100))
  const claimed = inserted.filter(({ id }) => claims.some(({ run }) => run.id === id)).map(({ status }) => status)
  expect(claimed).toEqual(['pending', 'running'])
  expect([...statusesBefore('running'), 'running']).toEqual(expect.arrayContaining(claimed))
})
