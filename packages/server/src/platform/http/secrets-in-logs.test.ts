import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../testing/world.ts'
import { makeToys } from './testing/toys.ts'
import { signInFeature, signUp } from './testing/sign-in.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ features: [makeToys().feature, signInFeature] })
})
afterAll(() => world.close())

/** Expects log lines, none of which contains one of the texts. */
function expectUnseen(...secrets: string[]): void {
  const log = world.logLines.join('')
  expect(log).toContain('"msg":"request"')
  for (const secret of secrets) expect(log.includes(secret), `${secret} is in the log`).toBe(false)
}

describe('the log, at level debug', () => {
  it('never contains an API key: from a header, a query, a path, or a body that fails', async () => {
    const { apiKey, appId, send } = await world.tenant()
    await world.send('GET /api/realtime/toys', { query: { token: apiKey } })
    await world.send('GET /api/application-toys', { query: { token: apiKey, 'x-app-id': appId } })
    await world.send(`GET /api/nothing/${apiKey}`)
    await world.send(`GET /api/%zz${apiKey}?token=${apiKey}`)
    await world.send('GET /api/application-toys', { headers: { authorization: `Bearer ${apiKey}` } })
    await world.send('GET /api/application-toys', {
      headers: { authorization: `Basic ${apiKey}`, cookie: `better-auth.session_token=${apiKey}` },
    })
    const failed = await send('POST /api/toys/break', { body: { with: apiKey } })
    expect(failed.status).toBe(500)
    await send(`POST /api/toys?key=${apiKey}`, { body: { name: apiKey, x: 1 } })
    await send('GET /api/toys', { headers: { 'user-agent': apiKey, 'x-org-id': apiKey, 'appstrate-version': apiKey } })
    expectUnseen(apiKey, apiKey.slice(0, 16))
    expect(world.logLines.join('')).toContain('ask_[redacted]')
  })

  it('never contains a token of a query, in any form', async () => {
    for (const path of ['/api/realtime/toys', '/api/nothing', '/nothing', '/api/docs', '/api/%zz']) {
      await world.send(
        `GET ${path}?token=first-secret-of-a-query&access_token=second-secret-of-a-query&code=third-secret-of-a-query`,
      )
    }
    expectUnseen('first-secret-of-a-query', 'second-secret-of-a-query', 'third-secret-of-a-query')
  })

  it('never contains a session cookie, a password or an Authorization header', async () => {
    const { cookie, send } = await signUp(world)
    const token = cookie.split('=')[1]?.split('.')[0] ?? ''
    expect(token.length).toBeGreaterThan(20)
    await send('POST /api/user-toys')
    await send('POST /api/user-toys', { headers: { origin: 'https://evil.example' } })
    await world.send('POST /api/auth/sign-in/email', {
      body: { email: 'nobody@example.com', password: 'a wrong password' },
    })
    await world.send('GET /api/toys', { headers: { authorization: 'Bearer not-even-a-key' } })
    expectUnseen(token, decodeURIComponent(token), 'correct horse battery', 'a wrong password', 'not-even-a-key')
  })

  it('never contains a token of the auth library that is in a path, in any spelling', async () => {
    for (const path of [
      '/api/auth/reset-password/FirstTokenInAPath0123456',
      '/%61pi/a%75th/reset-passwor%64/FirstTokenInAPath0123456',
      '/api/auth/delete-user/callback/FirstTokenInAPath0123456',
      '/api/auth/no/such/path/FirstTokenInAPath0123456',
      '/api/auth/reset-password/%zzFirstTokenInAPath0123456',
    ])
      await world.send(`GET ${path}?callbackURL=%2F`)
    await world.send('POST /api/auth/reset-password/FirstTokenInAPath0123456', { body: {} })
    expectUnseen('FirstTokenInAPath0123456')
  })

  it('never contains data of a broken request', async () => {
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
    socket.end(
      'GET /api/realtime/toys?token=secret-of-a-broken-request HTTP/1.1\r\nAuthorization Bearer broken-header\r\n\r\n',
    )
    await new Promise((resolve) => socket.on('close', resolve).resume())
    await expect.poll(() => world.logLines.join(''), { timeout: 15_000 }).toContain('broken request')
    expectUnseen('secret-of-a-broken-request', 'broken-header')
  })
})
