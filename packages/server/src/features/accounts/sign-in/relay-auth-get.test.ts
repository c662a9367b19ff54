import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { relayAuthGet } from './relay-auth-get.ts'

describe('reading from the auth library', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({
      features: [signInFeature],
      environment: {
        GITHUB_CLIENT_ID: 'id',
        GITHUB_CLIENT_SECRET: 'secret',
        TRUSTED_ORIGINS: 'https://app.example.com',
      },
    })
  })
  afterAll(() => world.close())

  it("returns the library's reply with Appstrate's headers", async () => {
    const { send, userId } = await signUp(world)
    const answer = await send('GET /api/auth/list-sessions')
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject([{ userId }])
    for (const name of ['request-id', 'ratelimit', 'ratelimit-policy', 'appstrate-version'])
      expect(answer.headers.has(name), name).toBe(true)
  })

  it('answers with a problem if the library refuses', async () => {
    expectProblem(relayAuthGet, await world.send('GET /api/auth/list-sessions'), 'unauthorized')
    expectProblem(relayAuthGet, await world.send('GET /api/auth/nothing/here'), 'not-found')
    expectProblem(relayAuthGet, await world.send('GET /api/auth/sign-up/email'), 'not-found')
  })

  it('accepts the parameters that a provider adds to its redirect, and redirects', async () => {
    const query = { state: 'unknown', code: 'x', scope: 'email', iss: 'https://github.com' }
    const answer = await world.send('GET /api/auth/callback/github', { query })
    expect(answer.status).toBe(302)
    expect(answer.headers.get('location')).toMatch(/error=/)
  })

  it.each([
    '/..//evil.example',
    '/.//evil.example',
    '/a/..//evil.example/login',
    '/./..//evil.example',
    '/%2e//evil.example',
    '/%2e%2e//evil.example',
    '/a/%2E%2E//evil.example',
    '/.//\\evil.example',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'https://localhost:0@evil.example/',
    'javascript:alert(1)',
    '/\t/evil.example',
  ])('redirects to no other site for the callback URL %j', async (callback) => {
    for (const path of ['verify-email', 'callback/github', 'reset-password/AbCdEfGhIjKlMnOpQrStUvWx']) {
      const url = new URL(`${world.url}/api/auth/${path}`)
      url.search = new URLSearchParams({ token: 'x', callbackURL: callback }).toString()
      const answer = await fetch(url, { redirect: 'manual' })
      const location = answer.headers.get('location')
      if (location !== null) expect(new URL(location, 'http://localhost:0').origin, location).toBe('http://localhost:0')
      else expect(answer.status, path).toBe(403)
    }
  })

  it('logs no errors for what an anonymous client sends', async () => {
    const paths = [
      'callback/x?state=unknown',
      'callback/github?state=unknown&code=x',
      'callback/github',
      'callback/github?state=a&state=b',
      'reset-password/x?callbackURL=//evil.example',
      'reset-password/x?callbackURL=https://evil.example',
      'verify-email?token=x&callbackURL=//evil.example',
    ]
    for (const path of paths) await fetch(`${world.url}/api/auth/${path}`, { redirect: 'manual' })
    expect(world.logLines.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  it('redirects to a path of the product and to a trusted origin', async () => {
    for (const callback of ['/welcome', '/a/b?c=d', 'https://app.example.com/done']) {
      const query = { token: 'x', callbackURL: callback }
      const answer = await world.send('GET /api/auth/verify-email', { query })
      expect([answer.status, answer.headers.get('location')], callback).toEqual([
        302,
        expect.stringMatching(/error=INVALID_TOKEN$/),
      ])
    }
  })

  it('is not in the OpenAPI document, unlike the documented auth endpoints', async () => {
    const { paths } = (await world.send('GET /api/openapi.json')).body
    expect(Object.keys(paths).sort()).toEqual([
      '/api/auth/get-session',
      '/api/auth/sign-in/email',
      '/api/auth/sign-out',
      '/api/auth/sign-up/email',
    ])
  })
})
