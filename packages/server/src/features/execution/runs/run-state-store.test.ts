import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { findAbandonedRuns, hasRunEnded } from './run-state-store.ts'

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
  await sql`
    update runs set status = 'success', completed_at = now() - interval '2 hours' where id = ${longEnded.id}`.execute(
    db,
  )
  const gone = newUuid()
  const abandoned = await findAbandonedRuns(db, [running.id, justEnded.id, longEnded.id, gone])
  expect(abandoned.sort()).toEqual([longEnded.id, gone].sort())
  expect(await Promise.all([running.id, justEnded.id, gone].map((id) => hasRunEnded(db, id)))).toEqual([
    false,
    true,
    true,
  ])
})
