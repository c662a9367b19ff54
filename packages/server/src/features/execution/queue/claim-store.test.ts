import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { runStatuses, statusesBefore } from '../runs/index.ts'
import { claimRuns } from './claim-store.ts'
import { endLease, extendLease } from './lease-store.ts'
import { loadWaiting, type Claimant } from './waiting-store.ts'

let world: World
const claimant = (id: string, over: Partial<Claimant> = {}): Claimant => ({
  id,
  organizationRunsMax: 1_000,
  quotaOf: () => sql<number>`1000::bigint`,
  slotMs: 60_000,
  handedOver: [],
  ...over,
})
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
  const claim = () => db.transaction().execute((tx) => claimRuns(tx, claimant(workerId), 10))
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
  const claims = await db.transaction().execute((tx) => claimRuns(tx, claimant(workerId), 100))
  const claimed = inserted.filter(({ id }) => claims.some(({ run }) => run.id === id)).map(({ status }) => status)
  expect(claimed).toEqual(['pending', 'running'])
  expect([...statusesBefore('running'), 'running']).toEqual(expect.arrayContaining(claimed))
})

it('claims by fair shares, up to the limit of an organization, and no run that was just handed over', async () => {
  const { db } = world.platform
  const [many, few] = [await world.tenant(), await world.tenant()]
  const [workerId, otherId] = [newUuid(), newUuid()]
  await sql`delete from runs`.execute(db)
  await extendLease(db, workerId)
  await extendLease(db, otherId)
  const runs: string[] = []
  for (const tenant of [many, many, many, many, few])
    runs.push((await insertRun(world.platform, tenant, { status: 'pending' })).id)
  const [held = '', released = '', first = '', second = '', ofFew = ''] = runs
  await sql`update runs set status = 'running', worker_id = ${workerId} where id = ${held}`.execute(db)
  await sql`update runs set status = 'running', attempt = 1 where id = ${released}`.execute(db)
  const claim = (slots: number, over: Partial<Claimant>) =>
    db.transaction().execute(async (tx) => {
      const claims = await claimRuns(tx, claimant(workerId, over), slots)
      return claims.map(({ run }) => run.id)
    })
  expect(await claim(10, { organizationRunsMax: 1 })).toEqual([ofFew])
  expect(await claim(10, { organizationRunsMax: 2, handedOver: [released] })).toEqual([first])
  expect(await claim(10, { organizationRunsMax: 3 })).toEqual([released])
  expect(await claim(10, { organizationRunsMax: 3 })).toEqual([])
  // Each worker has room of its own.
  const elsewhere = await db
    .transaction()
    .execute((tx) => claimRuns(tx, claimant(otherId, { organizationRunsMax: 3 }), 10))
  expect(elsewhere.map(({ run }) => run.id)).toEqual([second])
})

it('claims interrupted runs before pending ones of their organization, but not before those of others', async () => {
  const { db } = world.platform
  const [crashed, other] = [await world.tenant(), await world.tenant()]
  const workerId = newUuid()
  await sql`delete from runs`.execute(db)
  await extendLease(db, workerId)
  const insert = async (tenant: Tenant) => (await insertRun(world.platform, tenant, { status: 'pending' })).id
  const pending = await insert(crashed)
  const interrupted = [await insert(crashed), await insert(crashed)]
  const waiting = await insert(other)
  await sql`update runs set status = 'running', attempt = 1 where id = any(${interrupted}::uuid[])`.execute(db)
  const order = (await loadWaiting(db, claimant(workerId), 10)).map(({ id }) => id)
  expect(order.indexOf(waiting)).toBeLessThan(2)
  expect(order.filter((id) => id !== waiting)).toEqual([...interrupted, pending])
})
