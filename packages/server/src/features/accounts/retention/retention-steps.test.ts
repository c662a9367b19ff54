import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { appendEvent, insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { givenDelivery } from '../../delivery/webhook-deliveries/testing/given-delivery.ts'
import { Retention } from '../applications/index.ts'
import { testClock } from '../../execution/schedules/testing/schedule-tests.ts'
import { retentionSteps, type RetentionStep } from './retention-steps.ts'

const dayMs = 86_400_000

describe('the retention of an application', () => {
  const clock = testClock(new Date().toISOString())
  let world: World
  beforeAll(async () => {
    world = await openWorld({ clock, environment: { WEBHOOKS_ALLOW_LOCAL: 'on' } })
  })
  afterAll(() => world.close())
  // What the tests create has the real time; the clock is ahead of it, so that it is old.
  beforeEach(() => clock.set(new Date().toISOString()))

  const keep = async (tenant: Tenant, retention: object) => {
    const answer = await tenant.send(`PATCH /api/applications/${tenant.appId}`, { body: { settings: { retention } } })
    expect(answer.status, answer.text).toBe(200)
  }
  const apply = async (stepsMax = Infinity): Promise<RetentionStep[]> => {
    const steps: RetentionStep[] = []
    for await (const step of retentionSteps(world.platform)) {
      steps.push(step)
      if (steps.length === stepsMax) break
    }
    return steps
  }
  const endedRun = async (tenant: Tenant): Promise<InsertedRun> => {
    const run = await insertRun(world.platform, tenant, { status: 'success' })
    await world.platform.db.updateTable('runs').set({ completed_at: new Date() }).where('id', '=', run.id).execute()
    return run
  }
  const upload = async ({ send }: Tenant, run?: InsertedRun) => {
    const rawBody = new FormData()
    rawBody.append('file', new File(['content'], 'a.txt'))
    const wireId = String((await send('POST /api/files', { rawBody })).body.id)
    const id = parseWireId('file', wireId) ?? ''
    if (run !== undefined)
      await world.platform.db.updateTable('files').set({ run_id: run.id }).where('id', '=', id).execute()
    return { id, wireId, path: join(world.platform.config.DATA_DIR, 'blobs', id.slice(-2), id) }
  }
  const giveTo = ({ applicationId, id }: InsertedRun, fileId: string) =>
    world.platform.db
      .insertInto('run_inputs')
      .values({ application_id: applicationId, run_id: id, file_id: fileId, name: 'a.txt' })
      .execute()
  const statusOf = async ({ send }: Tenant, path: string) => (await send(`GET ${path}`)).status
  const reportsOf = async ({ applicationId }: Tenant) =>
    (
      await world.platform.db
        .selectFrom('audit_log')
        .select(['actor', 'changes'])
        .where('application_id', '=', applicationId)
        .where('action', '=', 'application.retention-applied')
        .orderBy('id')
        .execute()
    ).map(({ actor, changes }) => ({ actor, changes }))

  it('deletes old runs with their log and files, and reports what it has deleted', async () => {
    const tenant = await world.tenant()
    const other = await world.tenant()
    await keep(tenant, { runDays: 30 })
    const [old, kept] = [await endedRun(tenant), await endedRun(other)]
    await appendEvent(world.platform, old, { message: 'hello' })
    const file = await upload(tenant, old)
    clock.advance(29 * dayMs)
    await apply()
    expect(await statusOf(tenant, `/api/runs/${old.wireId}`)).toBe(200)
    expect(await reportsOf(tenant)).toEqual([])
    clock.advance(2 * dayMs)
    await apply()
    expect(await statusOf(tenant, `/api/runs/${old.wireId}`)).toBe(404)
    await expect(access(file.path)).rejects.toThrow('ENOENT')
    expect(
      await world.platform.db.selectFrom('run_events').select('id').where('run_id', '=', old.id).execute(),
    ).toEqual([])
    expect(await statusOf(other, `/api/runs/${kept.wireId}`)).toBe(200)
    expect(await reportsOf(tenant)).toEqual([
      {
        actor: { kind: 'system', part: 'retention' },
        changes: { deleted: { before: null, after: { runs: 1, files: 1 } } },
      },
    ])
    expect(world.logLines.filter((line) => line.includes('retention') && line.includes(tenant.appId))).toHaveLength(1)
    expect(await reportsOf(other)).toEqual([])
  })

  it('keeps runs that have not ended or ended lately, and files that an unfinished run uses or has made', async () => {
    const tenant = await world.tenant()
    await keep(tenant, { runDays: 30, fileDays: 30 })
    const maker = await endedRun(tenant)
    const unfinished = await insertRun(world.platform, tenant, { status: 'waiting' })
    const late = await endedRun(tenant)
    const [made, given, product, free] = [
      await upload(tenant, maker),
      await upload(tenant),
      await upload(tenant, unfinished),
      await upload(tenant),
    ]
    await giveTo(unfinished, made.id)
    await giveTo(unfinished, given.id)
    clock.advance(31 * dayMs)
    await world.platform.db.updateTable('runs').set({ completed_at: clock.now() }).where('id', '=', late.id).execute()
    await apply()
    for (const run of [maker, unfinished, late]) expect(await statusOf(tenant, `/api/runs/${run.wireId}`)).toBe(200)
    for (const file of [made, given, product]) expect(await statusOf(tenant, `/api/files/${file.wireId}`)).toBe(200)
    expect(await statusOf(tenant, `/api/files/${free.wireId}`)).toBe(404)
    await world.platform.db
      .updateTable('runs')
      .set({ status: 'success', completed_at: new Date() })
      .where('id', '=', unfinished.id)
      .execute()
    clock.advance(dayMs)
    await apply()
    for (const run of [maker, unfinished]) expect(await statusOf(tenant, `/api/runs/${run.wireId}`)).toBe(404)
    expect(await statusOf(tenant, `/api/runs/${late.wireId}`)).toBe(200)
    expect((await tenant.send('GET /api/files')).body.data).toEqual([])
  })

  it('deletes old deliveries except pending ones, and old notifications', async () => {
    const tenant = await world.tenant()
    await keep(tenant, { deliveryDays: 10, notificationDays: 10 })
    const [old, pending] = [await givenDelivery(world, tenant), await givenDelivery(world, tenant, 'pending')]
    const { organizationId: organization_id, applicationId: application_id } = tenant
    await world.platform.db
      .insertInto('notifications')
      .values({ id: newUuid(), organization_id, application_id, type: 't', message: 'm' })
      .execute()
    clock.advance(11 * dayMs)
    await apply()
    const path = ({ webhookId, deliveryId }: typeof old) => `/api/webhooks/${webhookId}/deliveries/${deliveryId}`
    expect(await statusOf(tenant, path(old))).toBe(404)
    expect(await statusOf(tenant, path(pending))).toBe(200)
    expect(await reportsOf(tenant)).toMatchObject([
      { changes: { deleted: { after: { deliveries: 1, notifications: 1 } } } },
    ])
  })

  it('can be killed between two batches, and still reports everything once a day', async () => {
    const tenant = await world.tenant()
    await keep(tenant, { runDays: 1 })
    const run = await endedRun(tenant)
    await sql`
      insert into runs (
        id, organization_id, application_id, agent_id, agent_name, package_id, package_version_id, version, status,
        model, timeout_ms, completed_at)
      select overlay(gen_random_uuid()::text placing left(id::text, 14) from 1 for 14)::uuid, organization_id,
        application_id, agent_id, agent_name, package_id, package_version_id, version, 'success', model, timeout_ms,
        now()
      from runs cross join generate_series(1, 299) where id = ${run.id}`.execute(world.platform.db)
    await sql`
      insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event)
      select id, seq, gen_random_uuid(), organization_id, application_id, agent_id, 'run_log', 'log', 'info', 'log'
      from runs cross join generate_series(1, 15) as seq where application_id = ${tenant.applicationId}`.execute(
      world.platform.db,
    )
    clock.advance(2 * dayMs)
    const steps = [...(await apply(2)), ...(await apply(3)), ...(await apply())]
    const again = await Promise.all([apply(), apply()])
    expect(again.flat()).toEqual([])
    const own = steps.filter(({ applicationId }) => applicationId === tenant.applicationId)
    expect(own.reduce((sum, { rows }) => sum + rows, 0)).toBe(300 + 300 * 15)
    expect(Math.max(...own.map(({ rows }) => rows))).toBeLessThanOrEqual(550)
    expect(await reportsOf(tenant)).toMatchObject([{ changes: { deleted: { after: { runs: 300 } } } }])
    clock.advance(dayMs)
    await apply()
    expect(await reportsOf(tenant)).toHaveLength(1)
  })
})

describe('the setting of the retention', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it('is shown, audited and removed like other settings', async () => {
    const tenant = await world.tenant()
    const route = `PATCH /api/applications/${tenant.appId}`
    const retention = { runDays: 90, fileDays: 30, deliveryDays: 7, notificationDays: 14 }
    expect((await tenant.send(route, { body: { settings: { retention } } })).body.settings).toEqual({ retention })
    expect((await tenant.send(`GET /api/applications/${tenant.appId}`)).body.settings).toEqual({ retention })
    const { send } = await tenant.session()
    expect((await send('GET /api/audit-log?action=application.updated')).body.data[0].changes).toEqual({
      settings: { before: {}, after: { retention } },
    })
    expect((await tenant.send(route, { body: { settings: {} } })).body.settings).toEqual({})
  })

  it.each([{ runDays: 0 }, { fileDays: 3_651 }, { deliveryDays: 1.5 }, { notificationDays: '7' }])(
    'refuses %j',
    async (retention) => {
      const tenant = await world.tenant()
      const answer = await tenant.send(`PATCH /api/applications/${tenant.appId}`, { body: { settings: { retention } } })
      expect(answer.status).toBe(422)
      expect(answer.body.errors[0].pointer).toBe(`/settings/retention/${Object.keys(retention)[0]}`)
    },
  )

  it('has a feature for each of its fields', async () => {
    expect(Object.keys(world.platform.hooks.expires).sort()).toEqual(Object.keys(Retention.properties).sort())
  })
})
