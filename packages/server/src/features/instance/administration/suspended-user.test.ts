import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import { fromOurPage, signUp, type SignedIn } from '../../../testing/factories/session.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'

const reason = 'Sent spam.'

describe('a suspended user', () => {
  let world: World
  let send: Send
  beforeAll(async () => {
    world = await openWorld()
    send = (await (await world.tenant()).administrate()).send
  })
  afterAll(() => world.close())

  const suspend = (userId: string) => send(`POST /api/admin/users/${userId}/suspend`, { body: { reason } })
  const resume = (userId: string) => send(`POST /api/admin/users/${userId}/resume`)
  const signIn = ({ email }: SignedIn, password: string) =>
    fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password } })

  it('has no session, and hears why only after the right password', async () => {
    const user = await signUp(world)
    expect((await user.send('GET /api/profile')).status).toBe(200)
    expect((await suspend(user.userId)).body.suspension).toMatchObject({ reason })
    expectProblem(undefined, await user.send('GET /api/profile'), 'unauthorized')
    expectProblem(undefined, await signIn(user, 'not the password'), 'sign-in-failed')
    const refused = await signIn(user, user.password)
    expectProblem(undefined, refused, 'user-suspended')
    expect(refused.body.detail).toContain('Sent spam.')
    expect(refused.headers.getSetCookie().join()).not.toContain('session_token=ey')
    const { rows } = await sql`select from sessions where user_id = ${user.userId}`.execute(world.platform.db)
    expect(rows).toHaveLength(0)
    expect((await resume(user.userId)).body.suspension).toBeNull()
    expect((await signIn(user, user.password)).status).toBe(200)
  })

  it('reads in their security log afterwards what happened', async () => {
    const user = await signUp(world)
    await suspend(user.userId)
    await resume(user.userId)
    await resume(user.userId)
    await signIn(user, user.password)
    const { rows } = await sql<{ action: string; ip: string | null }>`
      select action, ip from security_events
      where user_id = ${user.userId} and action like 'account.%' order by id`.execute(world.platform.db)
    expect(rows.map(({ action }) => action)).toEqual(['account.created', 'account.suspended', 'account.resumed'])
    expect(rows.slice(1).map(({ ip }) => ip)).toEqual([null, null])
  })

  it('loses the API keys that they created, until they are resumed or another member rotates them', async () => {
    const tenant = await world.tenant()
    const other = await world.tenant()
    const { db } = world.platform
    await db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: other.userId, role: 'admin' })
      .execute()
    const { send: asOther } = await other.session()
    const scoped = { headers: { 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId } }
    expect((await tenant.send('GET /api/runs')).status).toBe(200)
    const stream = await openSse(`${world.url}/api/realtime/runs?token=${tenant.apiKey}`)
    await stream.until(() => stream.events.length > 0)
    await suspend(tenant.userId)
    await stream.closed()
    expectProblem(undefined, await tenant.send('GET /api/runs'), 'unauthorized')
    expect((await asOther('GET /api/runs', scoped)).status).toBe(200)
    await resume(tenant.userId)
    expect((await tenant.send('GET /api/runs')).status).toBe(200)
    await suspend(tenant.userId)
    const rotated = await asOther(`POST /api/api-keys/${tenant.apiKeyId}/rotate`, scoped)
    expect(rotated.status, rotated.text).toBe(200)
    const withNew = { authorization: `Bearer ${rotated.body.key}`, 'x-app-id': tenant.appId }
    expect((await world.send('GET /api/runs', { headers: withNew })).status).toBe(200)
    expectProblem(undefined, await tenant.send('GET /api/runs'), 'unauthorized')
  })

  it('gets no session by a sign-in that was under way when they were suspended', async () => {
    const user = await signUp(world)
    const { db } = world.platform
    const waiting = async () => {
      const { rows } = await sql<{ n: number }>`
        select count(*) as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
          and query ilike 'insert into "sessions"%'`.execute(db)
      return (rows[0]?.n ?? 0) > 0 ? true : undefined
    }
    const signingIn = await db.transaction().execute(async (tx) => {
      // As `suspendUser` does, but it commits only when the sign-in has passed its check.
      await tx.selectFrom('users').select('id').where('id', '=', user.userId).forUpdate().execute()
      const answer = signIn(user, user.password)
      await eventually(waiting)
      await tx.insertInto('user_suspensions').values({ user_id: user.userId, reason }).execute()
      await tx.deleteFrom('sessions').where('user_id', '=', user.userId).execute()
      return { answer }
    })
    expectProblem(undefined, await signingIn.answer, 'user-suspended')
    const { rows } = await sql`select from sessions where user_id = ${user.userId}`.execute(db)
    expect(rows).toHaveLength(0)
  })

  it('is signed out everywhere, but not suspended, when an administrator ends the sessions', async () => {
    const user = await signUp(world)
    await signIn(user, user.password)
    const ended = await send(`POST /api/admin/users/${user.userId}/revoke-sessions`)
    expect(ended.body).toEqual({ revoked: 2 })
    expectProblem(undefined, await user.send('GET /api/profile'), 'unauthorized')
    expect((await signIn(user, user.password)).status).toBe(200)
  })
})
