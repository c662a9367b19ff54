import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { claimRuns, endLease, findAbandoned, hasEnded, heartbeat } from './claim-store.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('gives up a workspace only when its run is gone or ended long ago', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const [atWork, justEnded, longEnded] = [
    await insertRun(world.platform, tenant, { status: 'running' }),
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant),
  ]
  await sql`update runs set status = 'cancelled', completed_at = now() where id = ${justEnded.id}`.execute(db)
  await sql`update runs set status = 'success', completed_at = now() - interval '2 hours' where id = ${longEnded.id}`.execute(
    db,
  )
  const gone = newUuid()
  const abandoned = await findAbandoned(db, [atWork.id, justEnded.id, longEnded.id, gone])
  expect(abandoned.sort()).toEqual([longEnded.id, gone].sort())
  expect(await Promise.all([atWork.id, justEnded.id, gone].map((id) => hasEnded(db, id)))).toEqual([false, true, true])
})

it('claims nothing for a worker whose lease has ended, and never what is its own', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const [workerId, otherId] = [newUuid(), newUuid()]
  const [mine, theirs, pending] = [
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant),
    await insertRun(world.platform, tenant, { status: 'pending' }),
  ]
  await sql`delete from runs where id not in (${mine.id}, ${theirs.id}, ${pending.id})`.execute(db)
  await sql`update runs set worker_id = ${workerId} where id = ${mine.id}`.execute(db)
  await sql`update runs set worker_id = ${otherId} where id = ${theirs.id}`.execute(db)
  const claim = () => db.transaction().execute((tx) => claimRuns(tx, workerId, 10))
  for (const id of [workerId, otherId]) {
    await heartbeat(db, id)
    await endLease(db, id)
  }
  expect(await claim()).toEqual([])
  await heartbeat(db, workerId)
  expect((await claim()).map(({ run }) => run.id).sort()).toEqual([theirs.id, pending.id].sort())
})
