import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { signInEmail } from '../sign-in-email.ts'
import { freeAttempts } from './password-attempts.ts'

const guess = 'not this one at all'

describe('a browser that has signed in before', () => {
  let world: World
  beforeAll(async () => {
    // The time stands still, so that no delay ends during a test.
    const now = new Date()
    world = await openWorld({ features: [signInFeature], clock: { now: () => now } })
  })
  afterAll(() => world.close())

  const signIn = ({ email }: Pick<SignedIn, 'email'>, password: string, cookie = '') =>
    fromOurPage(world)('POST /api/auth/sign-in/email', {
      body: { email, password },
      ...(cookie === '' ? {} : { headers: { cookie } }),
    })
  /** Only the cookie of the device, as after the session has ended. */
  const deviceOf = async (user: SignedIn) => {
    const answer = await signIn(user, user.password)
    expect(answer.status, answer.text).toBe(200)
    const found = cookieOf(answer)
      .split('; ')
      .find((cookie) => cookie.includes('known_device='))
    expect(found).toBeDefined()
    return found ?? ''
  }
  const flood = async (user: SignedIn, cookie = '') => {
    for (let count = 0; count < freeAttempts; count += 1) await signIn(user, guess, cookie)
  }

  it('can sign in while the guesses of others are delayed', async () => {
    const user = await signUp(world)
    const device = await deviceOf(user)
    await flood(user)
    expectProblem(signInEmail, await signIn(user, user.password), 'too-many-wrong-passwords')
    expect((await signIn(user, user.password, device)).status).toBe(200)
    // The others stay delayed.
    expectProblem(signInEmail, await signIn(user, user.password), 'too-many-wrong-passwords')
  }, 60_000)

  it('has a delay of its own', async () => {
    const user = await signUp(world)
    const device = await deviceOf(user)
    await flood(user, device)
    expectProblem(signInEmail, await signIn(user, user.password, device), 'too-many-wrong-passwords')
    expect((await signIn(user, user.password)).status).toBe(200)
  }, 60_000)

  it('is known for its own account only, and by a cookie that the server has signed', async () => {
    const [user, thief] = [await signUp(world), await signUp(world)]
    const [device, foreign] = [await deviceOf(user), await deviceOf(thief)]
    await flood(user)
    const forged = `${device.slice(0, -8)}AAAAAAA%3D`
    for (const cookie of [foreign, forged, 'better-auth.known_device=x.y.1'])
      expectProblem(signInEmail, await signIn(user, user.password, cookie), 'too-many-wrong-passwords')
  }, 60_000)

  it('is no longer known after a change of the password, except the one that changed it', async () => {
    const user = await signUp(world)
    const former = await deviceOf(user)
    const newPassword = 'another long password'
    const changed = await user.send('POST /api/auth/change-password', {
      body: { currentPassword: user.password, newPassword },
    })
    expect(changed.status, changed.text).toBe(200)
    await flood(user)
    expectProblem(signInEmail, await signIn(user, newPassword, former), 'too-many-wrong-passwords')
    expect((await signIn(user, newPassword, cookieOf(changed))).status).toBe(200)
  }, 60_000)

  it('keeps its cookie from scripts and from requests of other sites', async () => {
    const user = await signUp(world)
    const lines = (await signIn(user, user.password)).headers.getSetCookie()
    const line = lines.find((text) => text.includes('known_device=')) ?? ''
    expect(line).toMatch(/; HttpOnly/)
    expect(line).toMatch(/; SameSite=Lax/)
    expect(line).not.toContain(user.email)
  })
})
