import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { appendEvent, appendLogs, insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { beginErasure } from './begin-erasure.ts'
import { continueErasures } from './continue-erasures.job.ts'
import { erasureSteps, stepsOf, type ErasureStep } from './erasure-steps.ts'
import { countRows } from './testing/find-traces.ts'

const tables = [
  'runs',
  'run_events',
  'files',
  'schedules',
  'notifications',
  'webhook_events',
  'outbox',
  'end_user_keys',
]

describe('an erasure in steps', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const uuidOf = (eu: string) => parseWireId('eu', eu) ?? ''
  const whoseOf = ({ organizationId, applicationId }: Tenant, eu: string) => ({
    organizationId,
    applicationId,
    endUserId: uuidOf(eu),
  })
  const leftOf = async (eu: string) => {
    const counts = await Promise.all(
      tables.map(async (table) => [table, await countRows(world, table, sql`end_user_id = ${uuidOf(eu)}`)] as const),
    )
    return Object.fromEntries(counts.filter(([, count]) => count > 0))
  }
  /** An end-user with 13 ended runs with events, an unfinished run, files, notifications, and webhook events. */
  const filled = async (tenant: Tenant, events: number) => {
    const eu = await tenant.endUser()
    const ofEndUser = { status: 'success', endUser: eu } as const
    for (let made = 0; made < 13; made += 1)
      await appendLogs(world.platform, await insertRun(world.platform, tenant, ofEndUser), events / 13)
    const unfinished = await insertRun(world.platform, tenant, { status: 'running', endUser: eu })
    const { organizationId: organization_id, applicationId: application_id } = tenant
    const values = { organization_id, application_id, end_user_id: uuidOf(eu) }
    const webhook = await tenant.send('POST /api/webhooks', {
      body: { url: 'https://example.com/', events: ['run.completed'] },
    })
    for (let made = 0; made < 3; made += 1) {
      await world.platform.db
        .insertInto('notifications')
        .values({ ...values, id: newUuid(), type: 't', message: 'm' })
        .execute()
      const webhook_id = parseWireId('wh', webhook.body.id) ?? ''
      await world.platform.db
        .insertInto('webhook_events')
        .values({ ...values, id: newUuid(), webhook_id, type: 'run.completed', payload: '{}' })
        .execute()
    }
    return { eu, unfinished }
  }
  const begin = (tenant: Tenant, eu: string) =>
    world.platform.db
      .transaction()
      .execute((tx) => beginErasure(tx, tenant.scope, { endUserId: uuidOf(eu), now: new Date() }))
  const reportOf = async (tenant: Tenant, eu: string) =>
    (await tenant.send(`GET /api/end-users/${eu}/erasure`)).body.erasure

  it('can be killed between any two, and goes on later with the same report', { timeout: 60_000 }, async () => {
    const tenant = await world.tenant()
    const { eu, unfinished } = await filled(tenant, 1_300)
    const { endUserId } = await begin(tenant, eu)
    const steps: ErasureStep[] = []
    for (let isOver = false; !isOver; ) {
      // Each round is a process that is killed after one step.
      for await (const step of erasureSteps(world.platform)) {
        steps.push(step)
        isOver = step.isLast
        if (!isOver) expect(await reportOf(tenant, eu)).toMatchObject({ status: 'erasing' })
        break
      }
    }
    expect(steps.every(({ whose }) => whose.endUserId === endUserId)).toBe(true)
    expect(steps.length).toBeGreaterThan(5)
    expect(Math.max(...steps.map(({ rows }) => rows))).toBeLessThanOrEqual(550)
    expect(await leftOf(eu)).toEqual({})
    expect(await reportOf(tenant, eu)).toMatchObject({
      status: 'erased',
      runs: { anonymised: 14, cancelled: 1 },
      runEvents: { deleted: 1_300 },
      notifications: { deleted: 3 },
      webhookEvents: { deleted: 3 },
    })
    expect((await tenant.send(`GET /api/runs/${unfinished.wireId}`)).body).toMatchObject({
      status: 'cancelled',
      endUserId: null,
    })
    for await (const step of erasureSteps(world.platform)) expect(step).toBeUndefined()
  })

  it('hides the end-user and what they have from the first instant', async () => {
    const tenant = await world.tenant()
    const eu = (await tenant.send('POST /api/end-users', { body: { externalId: 'gone', email: 'gone@example.com' } }))
      .body.id
    const asEndUser = { 'appstrate-user': eu }
    const form = new FormData()
    form.set('file', new Blob(['text']), 'a.txt')
    const file = (await tenant.send('POST /api/files', { rawBody: form, headers: asEndUser })).body
    await begin(tenant, eu)
    for (const path of [`end-users/${eu}`, `files/${file.id}`, `files/${file.id}/content`])
      expect((await tenant.send(`GET /api/${path}`)).status, path).toBe(404)
    for (const list of ['end-users', 'files', 'schedules'])
      expect((await tenant.send(`GET /api/${list}`)).body, list).toMatchObject({ data: [], pagination: { total: 0 } })
    expect((await tenant.send('GET /api/runs', { headers: asEndUser })).status).toBe(403)
    expect((await tenant.send(`DELETE /api/end-users/${eu}`)).status).toBe(404)
    expect((await tenant.send(`PATCH /api/end-users/${eu}`, { body: { name: 'Back' } })).status).toBe(404)
    const again = await tenant.send('POST /api/end-users', { body: { externalId: 'gone', email: 'gone@example.com' } })
    expect([again.status, again.body.id === eu]).toEqual([201, false])
  })

  it('answers 202 when it takes longer than the request, and the job ends it', { timeout: 120_000 }, async () => {
    const tenant = await world.tenant()
    const { eu } = await filled(tenant, 0)
    // As long as the lock is held, the erasure goes on with nothing.
    const answer = await world.platform.db.transaction().execute(async (tx) => {
      await sql`select from runs where end_user_id = ${uuidOf(eu)} for update`.execute(tx)
      return tenant.send(`DELETE /api/end-users/${eu}`)
    })
    expect(answer.status, answer.text).toBe(202)
    expect(answer.headers.get('location')).toBe(`/api/end-users/${eu}/erasure`)
    expect(answer.body).toMatchObject({
      endUserId: eu,
      status: 'erasing',
      runs: { anonymised: 0 },
      dataKey: 'destroyed',
    })
    while (await continueErasures.run(world.platform, new AbortController().signal));
    expect(await reportOf(tenant, eu)).toMatchObject({ status: 'erased', runs: { anonymised: 14, cancelled: 1 } })
    expect(await leftOf(eu)).toEqual({})
  })

  it('delays no stream of others, and no request, with 26,000 rows', { timeout: 120_000 }, async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { eu } = await filled(tenant, 26_000)
    const run = await insertRun(world.platform, other, { status: 'running' })
    const neighbour = await insertRun(world.platform, tenant, { status: 'running' })
    const streams = [
      await openSse(`${world.url}/api/realtime/runs?token=${other.apiKey}`),
      await openSse(`${world.url}/api/realtime/runs?token=${tenant.apiKey}`),
    ]
    await begin(tenant, eu)
    let [steps, isOver] = [0, false]
    const erased = (async () => {
      for await (const _ of stepsOf({ platform: world.platform, whose: whoseOf(tenant, eu), waits: true })) steps += 1
      isOver = true
    })()
    // While one long transaction erased everything, no event of the application would arrive.
    const stepsUntilArrival: number[] = []
    while (!isOver) {
      const before = steps
      await Promise.all([appendEvent(world.platform, run), appendEvent(world.platform, neighbour)])
      for (const stream of streams) await stream.until(() => stream.runEvents.length > stepsUntilArrival.length)
      expect((await other.send('GET /api/runs')).status).toBe(200)
      stepsUntilArrival.push(steps - before)
    }
    await erased
    for (const stream of streams) stream.close()
    expect(steps).toBeGreaterThan(52)
    expect(stepsUntilArrival.length, stepsUntilArrival.join()).toBeGreaterThan(5)
    expect(await reportOf(tenant, eu)).toMatchObject({ status: 'erased', runEvents: { deleted: 26_000 } })
  })

  it('erases what a transaction that began before the mark writes after it', async () => {
    const tenant = await world.tenant()
    const eu = await tenant.endUser()
    const late = Promise.withResolvers<void>()
    const written = world.platform.db.transaction().execute(async (tx) => {
      await sql`select pg_current_xact_id()`.execute(tx)
      await late.promise
      const { organizationId: organization_id, applicationId: application_id } = tenant
      await tx
        .insertInto('notifications')
        .values({ organization_id, application_id, end_user_id: uuidOf(eu), id: newUuid(), type: 't', message: 'm' })
        .execute()
    })
    await begin(tenant, eu)
    late.resolve()
    await written
    for await (const _ of erasureSteps(world.platform));
    expect(await leftOf(eu)).toEqual({})
    expect(await reportOf(tenant, eu)).toMatchObject({ status: 'erased', notifications: { deleted: 1 } })
  })
})
