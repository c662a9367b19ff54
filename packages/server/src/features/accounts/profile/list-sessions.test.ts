import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from '../sign-in/index.ts'
import { profileFeature } from './index.ts'
import { listSessions } from './list-sessions.ts'
import { revokeOtherSessions } from './revoke-other-sessions.ts'
import { revokeSession } from './revoke-session.ts'

const options = { features: [profileFeature, signInFeature] }
const given = async () => undefined

/** Creates another session of the tenant's owner; returns its id. */
async function insertSession({ platform }: World, { userId }: Pick<Tenant, 'userId'>): Promise<string> {
  const id = newWireId('ses')
  await platform.db
    .insertInto('sessions')
    .values({ id, user_id: userId, token: newWireId('ses'), expires_at: new Date(Date.now() + 60_000) })
    .execute()
  return id
}

describeEndpoint(listSessions, { as: 'session', given, call: () => ({}), world: options })
describeEndpoint(revokeSession, {
  as: 'session',
  given: (tenant, world) => insertSession(world, tenant),
  call: (sessionId) => ({ params: { sessionId } }),
  world: options,
})
describeEndpoint(revokeOtherSessions, { as: 'session', given, call: () => ({ body: {} }), world: options })

describe("a user's sessions", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const signInAgain = async ({ email, password }: SignedIn, userAgent = 'phone') => {
    const answer = await fromOurPage(world)('POST /api/auth/sign-in/email', {
      body: { email, password },
      headers: { 'user-agent': userAgent },
    })
    return { cookie: cookieOf(answer), token: String(answer.body.token) }
  }
  const status = async (cookie: string) => (await world.send('GET /api/profile', { headers: { cookie } })).status
  const sessionsOf = async ({ cookie }: { cookie: string }) =>
    (await world.send('GET /api/profile/sessions', { headers: { cookie } })).body.data

  it('are listed newest first, without their tokens, and the current one is marked', async () => {
    const user = await signUp(world)
    await signUp(world)
    const phone = await signInAgain(user)
    const answer = await user.send('GET /api/profile/sessions')
    expect(answer.body.data).toMatchObject([
      { current: false, userAgent: 'phone', ip: '127.0.0.1' },
      { current: true, userAgent: 'node' },
    ])
    expect(Object.keys(answer.body.data[0]).sort()).toEqual([
      'createdAt',
      'current',
      'expiresAt',
      'id',
      'ip',
      'updatedAt',
      'userAgent',
    ])
    expect(answer.body.data[0].id).toMatch(/^ses_[0-9a-z]{26}$/)
    expect(answer.text).not.toContain(phone.token)
    expect((await sessionsOf(phone)).map(({ current }: { current: boolean }) => current)).toEqual([true, false])
    const second = await user.send('GET /api/profile/sessions', { query: { page: 2, pageSize: 1 } })
    expect(second.body).toMatchObject({ data: [{ current: true }], pagination: { total: 2, totalPages: 2 } })
  })

  it('do not include expired sessions', async () => {
    const user = await signUp(world)
    const id = await insertSession(world, user)
    await world.platform.db
      .updateTable('sessions')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('id', '=', id)
      .execute()
    expect(await sessionsOf(user)).toHaveLength(1)
  })

  it('stop working with the next request when revoked, even if just used, and no other session does', async () => {
    const user = await signUp(world)
    const phone = await signInAgain(user)
    expect(await status(phone.cookie)).toBe(200)
    const [{ id }] = await sessionsOf(user)
    expect((await user.send(`DELETE /api/profile/sessions/${id}`)).status).toBe(204)
    expect([await status(phone.cookie), await status(user.cookie)]).toEqual([401, 200])
    expectProblem(revokeSession, await user.send(`DELETE /api/profile/sessions/${id}`), 'session-not-found')
  })

  it('can revoke themselves', async () => {
    const user = await signUp(world)
    const [{ id }] = await sessionsOf(user)
    expect((await user.send(`DELETE /api/profile/sessions/${id}`)).status).toBe(204)
    expect(await status(user.cookie)).toBe(401)
  })

  it('can be revoked all at once except the current one; sessions of other users continue', async () => {
    const [user, other] = [await signUp(world), await signUp(world)]
    const [phone, tablet] = [await signInAgain(user), await signInAgain(user, 'tablet')]
    expect((await user.send('POST /api/profile/sessions/revoke-others')).body).toEqual({ revoked: 2 })
    expect(await Promise.all([user, phone, tablet, other].map(({ cookie }) => status(cookie)))).toEqual([
      200, 401, 401, 200,
    ])
    expect((await user.send('POST /api/profile/sessions/revoke-others')).body).toEqual({ revoked: 0 })
  })

  it('are not all revoked if two sessions revoke the others concurrently', async () => {
    const user = await signUp(world)
    const phone = await signInAgain(user)
    const revoke = (cookie: string) =>
      fromOurPage(world)('POST /api/profile/sessions/revoke-others', { headers: { cookie } })
    const statuses = (await Promise.all([revoke(user.cookie), revoke(phone.cookie)])).map((answer) => answer.status)
    expect(statuses.sort()).toEqual([200, 401])
    const alive = await Promise.all([status(user.cookie), status(phone.cookie)])
    expect(alive.sort()).toEqual([200, 401])
  })

  it("answers 404 to the id of another user's session", async () => {
    const [user, other] = [await signUp(world), await signUp(world)]
    const [{ id }] = await sessionsOf(other)
    expectProblem(revokeSession, await user.send(`DELETE /api/profile/sessions/${id}`), 'session-not-found')
    expect(await status(other.cookie)).toBe(200)
  })
})
