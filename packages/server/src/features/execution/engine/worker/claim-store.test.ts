import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../../platform/ids/id.ts'
import { insertRun } from '../../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { runStatuses, statusesBefore } from '../../runs/index.ts'
import { claimRuns, endLease, findAbandoned, hasEnded, heartbeat } from './claim-store.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('reports a workspace as abandoned only when its run is deleted or ended long ago', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const [running, justEnded, longEnded] = [
    await insertRun(world.platform, tenant, { status: 'running' }),
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant),
  ]
  await sql`update runs set status = 'cancelled', completed_at = now() where id = ${justEnded.id}`.execute(db)
  await sql`update runs set status = 'success', completed_at = now() - interval '2 hours' where id = ${longEnded.id}`.execute(
    db,
  )
  const gone = newUuid()
  const abandoned = await findAbandoned(db, [running.id, justEnded.id, longEnded.id, gone])
  expect(abandoned.sort()).toEqual([longEnded.id, gone].sort())
  expect(await Promise.all([running.id, justEnded.id, gone].map((id) => hasEnded(db, id)))).toEqual([false, true, true])
})

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
    await heartbeat(db, id)
    await endLease(db, id)
  }
  expect(await claim()).toEqual([])
  await heartbeat(db, workerId)
  expect((await claim()).map(({ run }) => run.id).sort()).toEqual([lost.id, pending.id].sort())
})

it('claims runs only in the statuses that the table of transitions allows', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const workerId = newUuid()
  const inserted = await Promise.all(
    runStatuses.map(async (status) => ({ status, ...(await insertRun(world.platform, tenant, { status })) })),
  )
  await heartbeat(db, workerId)
  const claims = await db.transaction().execute((tx) => claimRuns(tx, workerId, 100))
  const claimed = inserted.filter(({ id }) => claims.some(({ run }) => run.id === id)).map(({ status }) => status)
  expect(claimed).toEqual(['pending', 'running'])
  expect([...statusesBefore('running'), 'running']).toEqual(expect.arrayContaining(claimed))
})
