import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { signUpEmail } from './sign-up-email.ts'

const options = { features: [signInFeature] }
const person = () => ({
  name: 'Ada',
  email: `ada-${randomBytes(6).toString('hex')}@example.com`,
  password: 'correct horse battery',
})

describeEndpoint(signUpEmail, {
  given: async () => person(),
  call: (body) => ({ body, headers: { origin: 'http://localhost:0' } }),
  world: options,
})

describe('signing up', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())
  const send = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
    fromOurPage(world)('POST /api/auth/sign-up/email', { body, headers })

  it('creates a user and a session with cookies that scripts cannot read', async () => {
    const body = person()
    const answer = await send({ ...body, email: body.email.toUpperCase() })
    expect(answer.body.user).toMatchObject({ name: 'Ada', email: body.email, emailVerified: false, image: null })
    expect(answer.body.user.id).toMatch(/^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$/)
    const cookies = answer.headers.getSetCookie()
    expect(cookies.map((line) => line.split('=', 1)[0])).toEqual(['better-auth.session_token'])
    for (const line of cookies) {
      expect(line).toMatch(/; HttpOnly/)
      expect(line).toMatch(/; SameSite=Lax/)
      expect(line).not.toMatch(/; Secure/)
    }
    const session = await world.send('GET /api/auth/get-session', { headers: { cookie: cookieOf(answer) } })
    expect(session.body.user).toEqual(answer.body.user)
  })

  it("stores the password as a salted hash, the client's IP address, and Appstrate's ids", async () => {
    const body = person()
    const { user } = (await send(body, { 'x-forwarded-for': '203.0.113.9', 'x-appstrate-client-ip': '203.0.113.9' }))
      .body
    const { db } = world.platform
    const account = await db.selectFrom('accounts').selectAll().where('user_id', '=', user.id).executeTakeFirstOrThrow()
    expect(account).toMatchObject({ provider_id: 'credential', account_id: user.id })
    expect(account.id).toMatch(/^account_[0-9a-f]{32}$/)
    expect(account.password).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/)
    const session = await db.selectFrom('sessions').selectAll().where('user_id', '=', user.id).executeTakeFirstOrThrow()
    expect(session).toMatchObject({ ip_address: '127.0.0.1', user_agent: 'node' })
    expect(world.logLines.join('\n')).not.toContain(body.password)
  })

  it("answers 422 to an address that is taken, with the library's code", async () => {
    const { email } = await signUp(world)
    const answer = await send({ ...person(), email })
    expectProblem(signUpEmail, answer, 'sign-up-refused')
    expect(answer.body).toMatchObject({
      code: 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL',
      message: 'User already exists. Use another email.',
    })
  })

  it('reports every mistake at once', async () => {
    const answer = await send({ name: '', email: 'ada', password: 'short' })
    expectProblem(signUpEmail, answer, 'validation-error')
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/email',
      '/name',
      '/password',
    ])
  })

  it('refuses a request from a page of another origin', async () => {
    expectProblem(signUpEmail, await send(person(), { origin: 'https://evil.example.com' }), 'origin-not-allowed')
  })

  it('refuses a mail link that leads to another origin', async () => {
    const answer = await send({ ...person(), callbackURL: 'https://evil.example.com/' })
    expectProblem(signUpEmail, answer, 'sign-in-refused')
    expect(answer.body.code).toBe('INVALID_CALLBACK_URL')
  })
})
