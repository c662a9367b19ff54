import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appendEvent, insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { addEndUser, countRows, fillApplication, tablesWith } from '../applications/testing/fill-application.ts'
import { removeDeleted } from './remove-deleted.job.ts'
import { removalSteps, type RemovalStep } from './removal-steps.ts'
import { fillRuns } from './testing/fill-runs.ts'
import { removeAll } from './testing/remove-all.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** A sibling application of the tenant, filled with runs that have ended. */
async function givenFilled(tenant: Tenant, count: { runs: number; events: number }) {
  const sibling = await tenant.sibling()
  const run = await insertRun(world.platform, { ...tenant, ...sibling }, { status: 'success' })
  await fillRuns(world, run, count)
  return sibling
}

/** Rows by table, except the audit log, which belongs to the organization. */
async function rowsOf(applicationId: string): Promise<Record<string, number>> {
  const tables = (await tablesWith(world, 'application_id')).filter((table) => table !== 'audit_log')
  return countRows(world, tables, { column: 'application_id', value: applicationId })
}
const hasRows = (rows: Record<string, number>) => Object.values(rows).some((count) => count > 0)
const rowExists = async (id: string) =>
  (await world.platform.db.selectFrom('applications').select('id').where('id', '=', id).execute()).length > 0

describe('every table of a tenant', () => {
  it('has a statement that removes its rows, so that no new noun is forgotten', async () => {
    const { hooks } = world.platform
    const ofApplication = (await tablesWith(world, 'application_id')).filter((table) => table !== 'audit_log')
    const ofOrganization = (await tablesWith(world, 'organization_id')).filter(
      (table) => !ofApplication.includes(table) && table !== 'applications',
    )
    expect(Object.keys(hooks.removalsOf('application')).sort()).toEqual(ofApplication)
    expect(Object.keys(hooks.removalsOf('organization')).sort()).toEqual(ofOrganization)
  })

  it('refuses new rows of a deleted tenant', async () => {
    const { rows } = await sql<{ name: string }>`
      select distinct child.relname as name from pg_constraint
      join pg_class child on child.oid = conrelid
      join pg_class parent on parent.oid = confrelid and parent.relname in ('applications', 'organizations')
      where contype = 'f' and not exists (
        select from pg_trigger
        where tgrelid = conrelid and tgname = 'refuse_rows_of_deleted_' || parent.relname)`.execute(world.platform.db)
    expect(rows).toEqual([])
  })
})

describe('removing a deleted application', () => {
  it('leaves everything to the job, which can be killed at any point and started again', async () => {
    const tenant = await world.tenant()
    const other = await world.tenant()
    await fillApplication(world, other)
    const ofOther = await rowsOf(other.applicationId)
    const sibling = await givenFilled(tenant, { runs: 5_000, events: 2 })
    await fillApplication(world, { ...tenant, ...sibling, endUser: () => addEndUser(world, { ...tenant, ...sibling }) })
    const before = await rowsOf(sibling.applicationId)
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    expect((await send(`GET /api/applications/${sibling.appId}`)).status).toBe(404)
    expect(await rowsOf(sibling.applicationId)).toEqual(before)

    const steps: RemovalStep[] = []
    for (const stepsOfAttempt of [1, 7, 3]) {
      let left = stepsOfAttempt
      for await (const step of removalSteps(world.platform)) {
        steps.push(step)
        left -= 1
        if (left === 0) break
      }
    }
    expect(steps).toHaveLength(11)
    let rows = await rowsOf(sibling.applicationId)
    for await (const step of removalSteps(world.platform)) {
      steps.push(step)
      if (step.table === null) expect(hasRows(rows), 'the cascade of the last row found something').toBe(false)
      else rows = await rowsOf(sibling.applicationId)
    }
    expect(steps.at(-1)).toMatchObject({ containerId: sibling.applicationId, table: null })
    expect(Math.max(...steps.map(({ removed }) => removed))).toBe(500)
    expect(steps.filter(({ table }) => table === 'run_events').length).toBeGreaterThan(20)
    expect(hasRows(await rowsOf(sibling.applicationId))).toBe(false)
    expect(await rowExists(sibling.applicationId)).toBe(false)
    expect(await rowsOf(other.applicationId)).toEqual(ofOther)
  })

  it('is shared between nodes: each container is removed by one at a time, without errors', async () => {
    const tenant = await world.tenant()
    const siblings = [
      await givenFilled(tenant, { runs: 600, events: 1 }),
      await givenFilled(tenant, { runs: 600, events: 1 }),
    ]
    const { send } = await tenant.session()
    for (const { appId } of siblings) await send(`DELETE /api/applications/${appId}`)
    await Promise.all([removeAll(world), removeAll(world), removeAll(world)])
    // A node that found all containers in work has left them: whoever is last removes the rest.
    await removeAll(world)
    for (const { applicationId } of siblings) expect(await rowExists(applicationId)).toBe(false)
  })

  it('does not delay the stream and the requests of another application', async () => {
    const tenant = await world.tenant()
    const other = await world.tenant()
    const run = await insertRun(world.platform, other)
    const sibling = await givenFilled(tenant, { runs: 1_500, events: 2 })
    const stream = await openSse(`${world.url}/api/realtime/runs?token=${other.apiKey}`)
    await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)
    let sent = 0
    for await (const step of removalSteps(world.platform)) {
      if (step.table === null) break
      sent += 1
      await appendEvent(world.platform, run, { message: `event ${sent}` })
      await stream.until(() => stream.runEvents.length === sent)
      expect((await other.send(`GET /api/runs/${run.wireId}`)).status).toBe(200)
    }
    expect(sent).toBeGreaterThan(8)
    stream.close()
  })

  it('is the work of a job that the deletion wakes', async () => {
    const jobWorld = await openWorld({ jobs: true })
    try {
      const tenant = await jobWorld.tenant()
      const sibling = await tenant.sibling()
      await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)
      const exists = async () =>
        (await jobWorld.platform.db.selectFrom('applications').select('id').execute()).length > 1
      for (const deadline = Date.now() + 20_000; (await exists()) && Date.now() < deadline; )
        await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await exists()).toBe(false)
      expect(jobWorld.logLines.filter((line) => line.includes(sibling.appId) && line.includes('removed'))).toHaveLength(
        1,
      )
    } finally {
      await jobWorld.close()
    }
  })

  it('stops at a signal and leaves the rest for the next round', async () => {
    const tenant = await world.tenant()
    const sibling = await givenFilled(tenant, { runs: 1_200, events: 0 })
    await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)
    expect(await removeDeleted.run(world.platform, AbortSignal.abort())).toBe(false)
    const left = await rowsOf(sibling.applicationId)
    expect(left['runs']).toBeGreaterThan(600)
    expect(await removeDeleted.run(world.platform, new AbortController().signal)).toBe(false)
    expect(await rowExists(sibling.applicationId)).toBe(false)
  })
})

describe('removing a deleted organization', () => {
  it('removes its applications first, and never gives its slug again', async () => {
    const tenant = await world.tenant()
    await givenFilled(tenant, { runs: 10, events: 1 })
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/orgs/${tenant.orgId}`)).status).toBe(204)
    const create = () => send('POST /api/orgs', { body: { name: 'Again', slug: tenant.slug } })
    expect((await create()).status).toBe(409)
    await removeAll(world)
    expect(
      await world.platform.db
        .selectFrom('organizations')
        .select('id')
        .where('id', '=', tenant.organizationId)
        .execute(),
    ).toEqual([])
    expect((await create()).body).toMatchObject({ status: 409, title: 'Slug Taken' })
    const own = (await send('POST /api/orgs', { body: { name: 'Own' } })).body
    expect((await send(`PATCH /api/orgs/${own.id}`, { body: { slug: tenant.slug } })).status).toBe(409)
  })
})
