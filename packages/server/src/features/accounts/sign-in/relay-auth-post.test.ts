import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { relayAuthPost } from './relay-auth-post.ts'

/** Posts to a path without resolving its dot segments; returns the status. */
function postAsIs(
  world: World,
  path: string,
  { origin: from, body }: { origin: string; body: object },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { origin: from, 'content-type': 'application/json' }
    const { port } = new URL(world.url)
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

const origin = 'https://app.example.com'
const environment = { APP_URL: origin, GOOGLE_CLIENT_ID: 'google-id', GOOGLE_CLIENT_SECRET: 'google-secret' }

describe('writing to the auth library', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature], environment })
  })
  afterAll(() => world.close())

  it('redirects to a configured provider, and refuses others', async () => {
    const answer = await fromOurPage(world)('POST /api/auth/sign-in/social', {
      body: { provider: 'google', callbackURL: '/' },
    })
    const url = new URL(answer.body.url)
    expect(url.origin).toBe('https://accounts.google.com')
    expect(url.searchParams.get('client_id')).toBe('google-id')
    expect(url.searchParams.get('redirect_uri')).toBe(`${origin}/api/auth/callback/google`)
    expect(answer.text).not.toContain('google-secret')
    expectProblem(
      relayAuthPost,
      await fromOurPage(world)('POST /api/auth/sign-in/social', { body: { provider: 'github' } }),
      'not-found',
    )
  })

  it.each([
    './sign-in/email',
    'x/../sign-in/email',
    '%2e/sign-in/email',
    'sign-in/./email',
    'sign-in//email',
    '/sign-in/email',
    'sign-in/email/',
    'sign-in%2Femail',
    'sign-i%6e/email',
    'sign-in/email%20',
    'sign-in\\email',
    'sign-in/email;x',
    'SIGN-IN/EMAIL',
  ])('finds nothing at %j: sign-in has one path, and one limit', async (path) => {
    const { email, password } = await signUp(world)
    const status = await postAsIs(world, `/api/auth/${path}`, { origin, body: { email, password } })
    expect([404, 405]).toContain(status)
  })

  it('changes a password, with cookies that are only sent over https', async () => {
    const { send, cookie, email, password } = await signUp(world)
    expect(cookie).toMatch(/^__Secure-better-auth\.session_token=/)
    const body = { currentPassword: password, newPassword: 'another long password', revokeOtherSessions: true }
    expect((await send('POST /api/auth/change-password', { body })).status).toBe(200)
    const signIn = (secret: string) =>
      fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: secret } })
    expect((await signIn(password)).status).toBe(401)
    expect((await signIn('another long password')).status).toBe(200)
  })

  it('answers with a problem if the library refuses', async () => {
    const { send } = await signUp(world)
    const wrong = { body: { currentPassword: 'not this one', newPassword: 'another long password' } }
    expectProblem(relayAuthPost, await send('POST /api/auth/change-password', wrong), 'auth-request-refused')
    expectProblem(
      relayAuthPost,
      await send('POST /api/auth/change-password', { ...wrong, headers: { origin: '' } }),
      'origin-not-allowed',
    )
    expectProblem(
      relayAuthPost,
      await world.send('POST /api/auth/change-password', { body: wrong.body }),
      'unauthorized',
    )
    expectProblem(relayAuthPost, await world.send('POST /api/auth/get-session'), 'method-not-allowed')
    expectProblem(
      relayAuthPost,
      await world.send('POST /api/auth/change-password', {
        rawBody: '{"a":',
        headers: { 'content-type': 'application/json' },
      }),
      'malformed-json',
    )
    const unsafe = await send('POST /api/auth/update-user', { body: { name: 'a\u0000b' } })
    expectProblem(relayAuthPost, unsafe, 'validation-error')
    expect((await send('POST /api/auth/update-user', { body: { name: 'Grace' } })).body).toEqual({ status: true })
  })

  it('refuses a name or picture that is too long, a blank name, and a body that is too large', async () => {
    const { send } = await signUp(world)
    const before = (await send('GET /api/auth/get-session')).body.user
    for (const [pointer, body] of [
      ['/name', { name: 'x'.repeat(201) }],
      ['/name', { name: ' ' }],
      ['/image', { image: `https://example.com/${'x'.repeat(2001)}` }],
    ] as const) {
      const answer = await send('POST /api/auth/update-user', { body })
      expectProblem(relayAuthPost, answer, 'validation-error')
      expect(answer.body.errors).toMatchObject([{ pointer }])
    }
    expectProblem(
      relayAuthPost,
      await send('POST /api/auth/passkey/update-passkey', { body: { id: 'x', name: 'x'.repeat(201) } }),
      'validation-error',
    )
    expectProblem(
      relayAuthPost,
      await send('POST /api/auth/update-user', { body: { other: 'x'.repeat(70_000) } }),
      'payload-too-large',
    )
    expect((await send('GET /api/auth/get-session')).body.user).toEqual(before)
    expect((await send('POST /api/auth/update-user', { body: { name: 'x'.repeat(200), image: null } })).body).toEqual({
      status: true,
    })
  })

  it('answers an internal error with a generic 500, and logs its cause with the request id', async () => {
    const broken = await openWorld({ features: [signInFeature] })
    await broken.platform.database.pool.query('alter table users rename to people')
    const answer = await fromOurPage(broken)('POST /api/auth/sign-up/email', {
      body: { name: 'Ada', email: 'ada@example.com', password: 'correct horse battery' },
    })
    expectProblem(undefined, answer, 'internal-error')
    expect(answer.text).not.toContain('users')
    const line = broken.logLines.find(
      (one) => one.includes(answer.body.requestId) && one.includes('The request failed'),
    )
    expect(line).toContain('relation \\"users\\" does not exist')
    await broken.close()
  })
})
