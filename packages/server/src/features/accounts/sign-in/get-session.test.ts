import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { createSessionCookie, signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getSession } from './get-session.ts'
import { signInFeature } from './index.ts'

const options = { features: [signInFeature] }
const route = 'GET /api/auth/get-session'

describeEndpoint(getSession, {
  given: (_tenant, world) => signUp(world),
  call: ({ cookie }) => ({ headers: { cookie } }),
  world: options,
})

describe('the current session', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('is returned with its user', async () => {
    const { send, userId, email } = await signUp(world)
    const { user, session } = (await send(route)).body
    expect(user).toMatchObject({ id: userId, email })
    expect(session).toMatchObject({ userId, ipAddress: '127.0.0.1' })
    expect(Date.parse(session.expiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000)
  })

  it('is null without a cookie, with a forged cookie and with an API key', async () => {
    const forged = { cookie: 'better-auth.session_token=abc.def' }
    const answers = [
      await world.send(route),
      await world.send(route, { headers: forged }),
      await (await world.tenant()).send(route),
    ]
    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, null],
      [200, null],
      [200, null],
    ])
  })

  it('is null immediately after it has ended', async () => {
    const { send, userId } = await signUp(world)
    expect((await send(route)).body).not.toBeNull()
    await world.platform.db.deleteFrom('sessions').where('user_id', '=', userId).execute()
    expect((await send(route)).body).toBeNull()
  })

  it('is null once it has expired', async () => {
    const { userId } = await world.tenant()
    const cookie = await createSessionCookie(world.platform, userId)
    expect((await world.send(route, { headers: { cookie } })).body.user.id).toBe(userId)
    await world.platform.db
      .updateTable('sessions')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('user_id', '=', userId)
      .execute()
    expect((await world.send(route, { headers: { cookie } })).body).toBeNull()
  })

  it('is extended by this endpoint if it is older than a day, together with its cookie', async () => {
    const { userId } = await world.tenant()
    const cookie = await createSessionCookie(world.platform, userId)
    const answer = await world.send(route, { headers: { cookie } })
    expect(answer.headers.getSetCookie().join('\n')).toMatch(/better-auth\.session_token=[^;]+;.*Max-Age=604800/)
    const { expires_at } = await world.platform.db
      .selectFrom('sessions')
      .select('expires_at')
      .where('user_id', '=', userId)
      .executeTakeFirstOrThrow()
    expect(expires_at.getTime() - Date.now()).toBeGreaterThan(6.9 * 86_400_000)
  })
})
