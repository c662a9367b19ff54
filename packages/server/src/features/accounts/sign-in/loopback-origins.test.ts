import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trustedOrigins } from '../../../platform/open-platform.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { signInEmail } from './sign-in-email.ts'

const settings = { APP_URL: undefined, HOST: '127.0.0.1', PORT: 4567, TRUSTED_ORIGINS: ['https://a.example'] }

describe('trustedOrigins', () => {
  it('are all names of loopback with the port, on a server that only this machine can reach', () => {
    const expected = ['http://localhost:4567', 'http://127.0.0.1:4567', 'http://[::1]:4567', 'https://a.example']
    for (const HOST of ['127.0.0.1', '::1', 'localhost'])
      expect(trustedOrigins({ ...settings, HOST }), HOST).toEqual(expected)
  })

  it('are only the chosen ones where APP_URL is set or other machines can connect', () => {
    expect(trustedOrigins({ ...settings, APP_URL: 'https://app.example/' })).toEqual([
      'https://app.example',
      'https://a.example',
    ])
    expect(trustedOrigins({ ...settings, HOST: '0.0.0.0' })).toEqual(['http://localhost:4567', 'https://a.example'])
  })
})

describe('signing in from a page on loopback', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature], environment: { PORT: '4567' } })
  })
  afterAll(() => world.close())
  const signIn = (headers: Record<string, string>) =>
    world.send('POST /api/auth/sign-in/email', { body: { email: 'a@b.example', password: 'not a password' }, headers })

  it.each(['http://localhost:4567', 'http://127.0.0.1:4567', 'http://[::1]:4567'])(
    'is allowed at %s',
    async (origin) => {
      expectProblem(signInEmail, await signIn({ origin, cookie: 'a=b' }), 'sign-in-failed')
    },
  )

  it.each(['http://127.0.0.1:4568', 'https://127.0.0.1:4567', 'http://127.0.0.2:4567', 'http://evil.example'])(
    'is refused at %s, with the variable that allows more',
    async (origin) => {
      const answer = await signIn({ origin, cookie: 'a=b' })
      expectProblem(signInEmail, answer, 'origin-not-allowed')
      expect(answer.body.detail).toContain('TRUSTED_ORIGINS')
    },
  )

  it('without an Origin is refused with the allowed origins and the variable', async () => {
    const answer = await signIn({ cookie: 'a=b' })
    expectProblem(signInEmail, answer, 'origin-not-allowed')
    expect(answer.body.detail).toBe(
      'The request must have an allowed Origin: http://localhost:4567, http://127.0.0.1:4567, http://[::1]:4567. ' +
        'TRUSTED_ORIGINS adds further ones.',
    )
  })
})
