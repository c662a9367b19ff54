import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { relayEvents } from '../../../platform/outbox/relay-events.job.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { signUp } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { fireAll, makeSchedule, testClock } from '../../execution/schedules/testing/schedule-tests.ts'
import { features } from '../../index.ts'
import { invite } from '../invitations/testing/invited.ts'

/** What a deletion stops in the instant of its commit, long before the job has removed anything. */
describe('from the commit of its deletion', () => {
  const clock = testClock(new Date().toISOString())
  let world: World
  beforeAll(async () => {
    world = await openWorld({ clock, environment: { WEBHOOKS_ALLOW_LOCAL: 'on' } })
  })
  afterAll(() => world.close())

  const given = async () => {
    const tenant = await world.tenant()
    const sibling = { ...tenant, ...(await tenant.sibling()) }
    const { send, cookie } = await tenant.session()
    const inSibling = (route: string, body?: object) =>
      world.send(route, {
        ...(body === undefined ? {} : { body }),
        headers: { cookie, 'x-org-id': tenant.orgId, 'x-app-id': sibling.appId },
      })
    const remove = async () => expect((await send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    return { tenant, sibling, send, inSibling, remove }
  }
  const countIn = async (table: 'runs' | 'notifications', { applicationId }: Tenant) =>
    (await world.platform.db.selectFrom(table).select('id').where('application_id', '=', applicationId).execute())
      .length

  it('an application is 404 to a session and no longer in the lists, and its keys are refused', async () => {
    const { tenant, sibling, send, inSibling, remove } = await given()
    expect((await inSibling('GET /api/runs')).status).toBe(200)
    await remove()
    for (const route of ['GET /api/runs', 'POST /api/webhooks', 'GET /api/agents', 'GET /api/end-users'])
      expect((await inSibling(route)).status, route).toBe(404)
    for (const route of [`GET /api/applications/${sibling.appId}`, `DELETE /api/applications/${sibling.appId}`])
      expect((await send(route)).status, route).toBe(404)
    expect((await send(`GET /api/applications/${sibling.appId}/deletion`)).status).toBe(404)
    expect((await send(`PATCH /api/applications/${sibling.appId}`, { body: { name: 'Back' } })).status).toBe(404)
    const { body } = await send('GET /api/applications')
    expect(body).toMatchObject({ data: [{ id: tenant.appId }], pagination: { total: 1 } })
    expect((await send(`GET /api/orgs/${tenant.orgId}/deletion`)).body.deletes.applications).toBe(1)
    expect((await sibling.send('GET /api/runs')).status).toBe(401)
  })

  it('an application starts no schedule, and its schedules do not hold up others', async () => {
    const { tenant, sibling, remove } = await given()
    await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
    const [agentId, kept] = [await createAgent(sibling), await createAgent(tenant)]
    await makeSchedule({ send: sibling.send, agentId }, { missedFires: 'run-once' })
    await makeSchedule({ send: tenant.send, agentId: kept }, { missedFires: 'run-once' })
    await remove()
    clock.advance(2 * 3_600_000)
    expect(await fireAll(world)).toBe(1)
    expect(await countIn('runs', sibling)).toBe(0)
    expect(await countIn('runs', tenant)).toBe(1)
  })

  it('an application notifies nobody, also of events that were waiting', async () => {
    const { tenant, sibling, remove } = await given()
    const run = await insertRun(world.platform, sibling, { status: 'success' })
    await sql`
      insert into outbox (organization_id, application_id, run_id, agent_id, type, payload)
      values (${tenant.organizationId}, ${sibling.applicationId}, ${run.id}, ${run.agent.id}, 'run.completed',
        ${JSON.stringify({ agent: 'a', userId: tenant.userId, scheduleId: null, error: null })})`.execute(
      world.platform.db,
    )
    await remove()
    const relay = relayEvents(features.flatMap(({ reader }) => reader ?? []))
    await relay.run(world.platform, new AbortController().signal)
    expect(await world.platform.db.selectFrom('outbox').select('id').execute()).toEqual([])
    expect(await countIn('notifications', sibling)).toBe(0)
  })

  it('an application ends the streams of its API keys', async () => {
    const { sibling, remove } = await given()
    const stream = await openSse(`${world.url}/api/realtime/runs?token=${sibling.apiKey}`)
    expect(stream.status).toBe(200)
    await remove()
    await stream.closed()
  })

  it('an application refuses changes by keys that a node has not yet forgotten', async () => {
    const { tenant, sibling } = await given()
    await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
    const agentId = await createAgent(sibling)
    const scheduleId = await makeSchedule({ send: sibling.send, agentId })
    const webhook = await sibling.send('POST /api/webhooks', {
      body: { url: 'http://127.0.0.1:9/', events: ['run.completed'] },
    })
    const endUser = await sibling.endUser()
    // Another node has deleted the application, and its wake-up is on the way.
    await world.platform.db
      .updateTable('applications')
      .set({ deleted_at: new Date() })
      .where('id', '=', sibling.applicationId)
      .execute()
    const changes: readonly (readonly [string, object?])[] = [
      [`PATCH /api/webhooks/${webhook.body.id}`, { enabled: false }],
      [`POST /api/webhooks/${webhook.body.id}/rotate`],
      [`PATCH /api/schedules/${scheduleId}`, { name: 'Changed' }],
      [`PATCH /api/end-users/${endUser}`, { name: 'Changed' }],
      [`DELETE /api/schedules/${scheduleId}`],
      [`DELETE /api/webhooks/${webhook.body.id}`],
    ]
    for (const [route, body] of changes)
      expect((await sibling.send(route, body === undefined ? {} : { body })).status, route).toBe(404)
    const { db } = world.platform
    const kept = db.selectFrom('webhooks').select('enabled').where('application_id', '=', sibling.applicationId)
    expect(await kept.execute()).toEqual([{ enabled: true }])
    expect((await tenant.send('GET /api/webhooks')).status).toBe(200)
  })

  it('an organization is 404 to its members, absent from lists, and its invitations do not work', async () => {
    const { tenant, send } = await given()
    const { token } = await invite(tenant)
    const guest = await signUp(world)
    expect((await send(`DELETE /api/orgs/${tenant.orgId}`)).status).toBe(204)
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).status).toBe(404)
    expect((await send('GET /api/applications')).status).toBe(404)
    expect((await send('GET /api/runs')).status).toBe(404)
    expect((await send('GET /api/orgs')).body).toMatchObject({ data: [], pagination: { total: 0 } })
    expect((await tenant.send('GET /api/runs')).status).toBe(401)
    const answers = [
      await world.send(`GET /api/invitations/${token}`),
      await world.send(`POST /api/invitations/${token}/accept`, { headers: { cookie: guest.cookie } }),
    ]
    expect(answers.map(({ status }) => status).every((status) => status === 404 || status === 410)).toBe(true)
  })

  it('an application refuses a change that was authorized before, instead of leaving a row behind', async () => {
    const { sibling, inSibling } = await given()
    const { db } = world.platform
    const change = await db.transaction().execute(async (tx) => {
      // The request is authorized, and then waits for this lock.
      await tx.selectFrom('applications').select('id').where('id', '=', sibling.applicationId).forUpdate().execute()
      const answer = inSibling('POST /api/webhooks', { url: 'http://127.0.0.1:9/', events: ['run.completed'] })
      await waitingForLock(world)
      await tx
        .updateTable('applications')
        .set({ deleted_at: new Date() })
        .where('id', '=', sibling.applicationId)
        .execute()
      // The promise is wrapped: awaiting the request inside the transaction would be a deadlock.
      return { answer }
    })
    expect((await change.answer).body).toMatchObject({ status: 404, title: 'Application Not Found' })
    expect(
      await db.selectFrom('webhooks').select('id').where('application_id', '=', sibling.applicationId).execute(),
    ).toEqual([])
  })
})

/** Waits until a statement of the world's database waits for a lock. */
async function waitingForLock({ platform }: World): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const { rows } = await sql`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(platform.db)
    if (rows.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('No statement waited for a lock.')
}
