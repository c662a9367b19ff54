import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from './index.ts'
import { signOut } from './sign-out.ts'

const options = { features: [signInFeature], environment: { APP_URL: 'http://localhost:3000' } }
const origin = 'http://localhost:3000'

describeEndpoint(signOut, {
  given: (_tenant, world) => signUp(world),
  call: ({ cookie }) => ({ headers: { cookie, origin }, body: {} }),
  world: options,
})

describe('signing out', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('ends the session and clears the cookies', async () => {
    const { send, userId } = await signUp(world)
    const answer = await send('POST /api/auth/sign-out', { headers: { origin } })
    expect(answer.body).toEqual({ success: true })
    for (const name of ['session_token', 'session_data']) {
      expect(answer.headers.getSetCookie().join('\n')).toMatch(new RegExp(`better-auth\\.${name}=;.*Max-Age=0`))
    }
    expect(await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', userId).execute()).toEqual(
      [],
    )
  })

  it('also ends a copy of the cookie, immediately', async () => {
    const { send, cookie } = await signUp(world)
    const copy = () => world.send('GET /api/auth/get-session', { headers: { cookie } })
    expect((await copy()).body).not.toBeNull()
    await send('POST /api/auth/sign-out', { headers: { origin } })
    expect((await copy()).body).toBeNull()
    expect((await world.send('GET /api/auth/list-sessions', { headers: { cookie } })).status).toBe(401)
  })

  it.each(['', 'https://evil.example.com', 'null'])(
    'is refused with the origin %j, and the session continues',
    async (foreign) => {
      const { send, userId } = await signUp(world)
      expectProblem(
        signOut,
        await send('POST /api/auth/sign-out', { headers: { origin: foreign } }),
        'origin-not-allowed',
      )
      expect(
        await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', userId).execute(),
      ).toHaveLength(1)
    },
  )
})
