import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import type { Send } from '../../../testing/request.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { invite } from '../../accounts/invitations/testing/invited.ts'

const reason = 'Unpaid since March.'

describe('a suspended organization', { timeout: 60_000 }, () => {
  let world: RunWorld
  let administer: Send
  beforeAll(async () => {
    world = await openRunWorld({ worker: true, jobs: true })
    administer = (await (await world.tenant()).administrate()).send
  })
  afterAll(() => world.close())

  const suspend = ({ orgId }: { orgId: string }) =>
    administer(`POST /api/admin/orgs/${orgId}/suspend`, { body: { reason } })
  const resume = ({ orgId }: { orgId: string }) => administer(`POST /api/admin/orgs/${orgId}/resume`)
  const runOf = async (actor: Actor) => {
    const { rows } = await sql<{ status: string; error: { code: string } | null }>`
      select status, error from runs where application_id = ${actor.applicationId}`.execute(world.platform.db)
    return rows[0]
  }
  const statusOf = (actor: Actor, expected: (status: string) => boolean) =>
    eventually(async () => {
      const run = await runOf(actor)
      return run !== undefined && expected(run.status) ? run : undefined
    }, 30_000)

  it('is closed to members, keys, end-users and invited people, with the reason', async () => {
    const actor = await world.actor('hello')
    const { send: asOwner } = await actor.session()
    const endUser = await actor.endUser()
    const { token } = await invite(actor)
    expect((await actor.send('GET /api/runs')).status).toBe(200)
    const suspended = await suspend(actor)
    expect(suspended.body.suspension).toEqual({ reason, suspendedAt: expect.stringMatching(/Z$/) })
    const answers = [
      await asOwner('GET /api/runs'),
      await asOwner('GET /api/end-users'),
      await asOwner(`GET /api/orgs/${actor.orgId}`),
      await asOwner(`DELETE /api/orgs/${actor.orgId}`),
      await actor.send('GET /api/runs'),
      await actor.start(),
      await actor.sendAs(endUser)('GET /api/runs'),
      await actor.send('GET /api/realtime/runs'),
      await world.send(`POST /api/invitations/${token}/accept`, { body: { password: 'correct horse battery' } }),
    ]
    for (const answer of answers) {
      expectProblem(undefined, answer, 'organization-suspended')
      expect(answer.body.reason).toBe(reason)
      expect(answer.body.detail).toContain('Unpaid since March. Ask')
    }
    // A stranger still does not learn that it exists.
    const { send: asStranger } = await (await world.tenant()).session()
    const scoped = { headers: { 'x-org-id': actor.orgId, 'x-app-id': actor.appId } }
    expectProblem(undefined, await asStranger('GET /api/runs', scoped), 'app-not-found')
    for (const path of ['profile', 'orgs']) expect((await asOwner(`GET /api/${path}`)).status).toBe(200)
    const listed = (await asOwner('GET /api/orgs')).body.data
    expect(listed).toMatchObject([{ id: actor.orgId, suspension: { reason } }])
    expect((await resume(actor)).body.suspension).toBeNull()
    for (const send of [asOwner, actor.send]) expect((await send('GET /api/runs')).status).toBe(200)
    expect((await asOwner('GET /api/orgs')).body.data).toMatchObject([{ suspension: null }])
    const { rows } = await sql<{ action: string; changes: unknown }>`
      select action, changes from audit_log where organization_id = ${actor.organizationId} and action like 'org.%'
      order by id`.execute(world.platform.db)
    expect(rows).toMatchObject([
      { action: 'org.suspended', changes: { reason: { before: null, after: reason } } },
      { action: 'org.resumed' },
    ])
  })

  it('takes its runs out of execution and ends their streams', async () => {
    const actor = await world.actor('long-wait')
    const { id } = (await actor.start()).body
    await statusOf(actor, (status) => status === 'running')
    const stream = await openSse(`${world.url}/api/realtime/runs/${id}?token=${actor.apiKey}`)
    await stream.until(() => stream.events.length > 0)
    await suspend(actor)
    await stream.closed()
    expect(await statusOf(actor, (status) => status !== 'running')).toMatchObject({
      status: 'cancelled',
      error: { code: 'organization-suspended' },
    })
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined), 30_000)
    await resume(actor)
    const { error } = (await actor.send(`GET /api/runs/${id}`)).body
    expect(error.message).toBe('Cancelled by the suspension of its organization.')
  })

  it('keeps its queued runs waiting, and executes them when it is resumed', async () => {
    const [actor, other] = [await world.actor('hello'), await world.actor('hello')]
    await suspend(actor)
    await insertRun(world.platform, actor, { status: 'pending' })
    world.platform.wake.wake('runs', '')
    // The worker takes waiting runs in their order: it has passed over the first one.
    expect((await other.runToEnd()).body.status).toBe('success')
    expect((await runOf(actor))?.status).toBe('pending')
    await resume(actor)
    await statusOf(actor, (status) => !['pending', 'running'].includes(status))
  })

  it('gets its run cancelled too that a worker was taking while it was suspended', async () => {
    const actor = await world.actor('hello')
    await suspend(actor)
    // As after a claim that was committed after the suspension.
    await insertRun(world.platform, actor, { status: 'running' })
    expect(await statusOf(actor, (status) => status !== 'running')).toMatchObject({ status: 'cancelled' })
    const { rows } = await sql`
      select from audit_log where organization_id = ${actor.organizationId} and action = 'run.cancelled'
        and actor = '{"kind": "system", "part": "suspensions"}'`.execute(world.platform.db)
    expect(rows).toHaveLength(1)
  })

  it('refuses what is asked at the same time, or keeps it in the queue', async () => {
    const actor = await world.actor('hello')
    const starting = Array.from({ length: 6 }, () => actor.start())
    await Promise.all([...starting, suspend(actor)])
    const answers = await Promise.all(starting)
    for (const answer of answers.filter(({ status }) => status !== 202))
      expectProblem(undefined, answer, 'organization-suspended')
    await eventually(async () => {
      const { rows } = await sql`
        select from runs where organization_id = ${actor.organizationId} and status = 'running'`.execute(
        world.platform.db,
      )
      return rows.length === 0 ? true : undefined
    }, 30_000)
    expectProblem(undefined, await actor.start(), 'organization-suspended')
  })
})
