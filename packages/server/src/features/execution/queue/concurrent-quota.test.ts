import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { eventually, openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { concurrentRunsOf } from '../../accounts/quotas/index.ts'
import { overrideQuotas } from '../../accounts/quotas/testing/override-quotas.ts'
import { claimRuns } from './claim-store.ts'
import { deleteDeadWorkers, endLease, extendLease } from './lease-store.ts'

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({ environment: { QUOTA_CONCURRENT_RUNS: '50' } })
})
afterAll(() => world.close())

const running = async ({ organizationId }: Pick<Tenant, 'organizationId'>) => {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from runs where organization_id = ${organizationId} and status = 'running'`.execute(
    world.platform.db,
  )
  return rows[0]?.count ?? 0
}

it('an organization at its quota of concurrent runs waits with the others, and holds up nobody', async () => {
  world.models.registerScenario('pause', { steps: [{ delayMs: 150, text: 'Done.' }] })
  const [busy, calm] = [await world.actor('pause'), await world.actor('pause')]
  await overrideQuotas(world, busy, { concurrentRuns: 2 })
  const ids: string[] = []
  for (let count = 0; count < 8; count += 1) ids.push(String((await busy.start()).body.id))
  const seen: number[] = []
  const left = async () => {
    seen.push(await running(busy))
    const { rows } = await sql<{ left: number }>`select count(*)::int as left from runs
      where organization_id = ${busy.organizationId} and status in ('pending', 'running')`.execute(world.platform.db)
    return rows[0]?.left
  }
  expect((await calm.runToEnd()).body.status).toBe('success')
  expect(await left()).toBeGreaterThan(0)
  await eventually(async () => ((await left()) === 0 ? true : undefined), 30_000)
  expect(Math.max(...seen)).toBeLessThanOrEqual(2)
  const statuses = await Promise.all(ids.map(async (id) => (await busy.send(`GET /api/runs/${id}`)).body.status))
  expect(statuses).toEqual(ids.map(() => 'success'))
})

it('the quota of 0 executes none, and the runs start when it is raised', async () => {
  const actor = await world.actor('hello')
  await overrideQuotas(world, actor, { concurrentRuns: 0 })
  const { id } = (await actor.start()).body
  const other = await world.actor('hello')
  expect((await other.runToEnd()).body.status).toBe('success')
  expect((await actor.send(`GET /api/runs/${id}`)).body.status).toBe('pending')
  await overrideQuotas(world, actor, {})
  await eventually(async () => ((await actor.send(`GET /api/runs/${id}`)).body.status === 'success' ? true : undefined))
})

it('workers that claim at the same time do not exceed the quota together', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  await overrideQuotas(world, tenant, { concurrentRuns: 0 })
  const workers = Array.from({ length: 4 }, () => newUuid())
  for (const id of workers) await extendLease(db, id)
  for (let count = 0; count < 30; count += 1) await insertRun(world.platform, tenant, { status: 'pending' })
  // The world's worker has no runs of this organization: it may claim none.
  const quotaOf: ReturnType<typeof concurrentRunsOf> = () => sql<number>`7::bigint`
  const claims = await Promise.all(
    workers.map((id) =>
      db.transaction().execute((tx) => {
        const claimant = { id, organizationRunsMax: 1_000, quotaOf, slotMs: 60_000, handedOver: [] }
        return claimRuns(tx, claimant, 5)
      }),
    ),
  )
  expect(claims.flat()).toHaveLength(7)
  expect(await running(tenant)).toBe(7)
  await sql`delete from runs where organization_id = ${tenant.organizationId}`.execute(db)
  for (const id of workers) await endLease(db, id)
  await deleteDeadWorkers(db)
})
