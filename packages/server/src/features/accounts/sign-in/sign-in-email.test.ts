import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { signInEmail } from './sign-in-email.ts'

const options = { features: [signInFeature] }
const route = 'POST /api/auth/sign-in/email'

describeEndpoint(signInEmail, {
  given: (_tenant, world) => signUp(world),
  call: ({ email, password }) => ({ body: { email, password }, headers: { origin: 'http://localhost:0' } }),
  world: options,
})

describe('signing in', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('creates another session', async () => {
    const { email, password, userId } = await signUp(world)
    const answer = await fromOurPage(world)(route, { body: { email, password } })
    expect(answer.body.user).toMatchObject({ id: userId, email })
    expect(answer.headers.getSetCookie().join()).toMatch(/better-auth\.session_token=.*Max-Age=604800/)
    expect(
      await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', userId).execute(),
    ).toHaveLength(2)
  })

  it('sets a cookie that ends with the browser if requested', async () => {
    const { email, password } = await signUp(world)
    const answer = await fromOurPage(world)(route, { body: { email, password, rememberMe: false } })
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('better-auth.session_token='))
    expect(cookie).not.toMatch(/Max-Age/)
  })

  it('answers a wrong password and an unknown address identically', async () => {
    const { email } = await signUp(world)
    for (const body of [
      { email, password: 'wrong password' },
      { email: 'nobody@example.com', password: 'wrong password' },
    ]) {
      const answer = await fromOurPage(world)(route, { body })
      expectProblem(signInEmail, answer, 'sign-in-failed')
      expect(answer.body).toMatchObject({ detail: 'Invalid email or password.', code: 'INVALID_EMAIL_OR_PASSWORD' })
      expect(answer.headers.getSetCookie()).toEqual([])
    }
  })

  it('has the rate limit of creating resources, per IP address', async () => {
    const limited = await openWorld({ ...options, environment: { RATE_LIMIT_CREATE: '2' } })
    const attempt = () =>
      fromOurPage(limited)(route, { body: { email: 'nobody@example.com', password: 'a guess at it' } })
    const statuses = [(await attempt()).status, (await attempt()).status, (await attempt()).status]
    expect(statuses).toEqual([401, 401, 429])
    await limited.close()
  })
})
