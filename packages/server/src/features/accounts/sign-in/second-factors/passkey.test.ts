import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { relayAuthGet } from '../relay-auth-get.ts'
import { relayAuthPost } from '../relay-auth-post.ts'
import { createAuthenticator, type SoftwareAuthenticator } from '../testing/software-authenticator.ts'

const origin = 'https://app.example.com'
const [rpId, second] = ['app.example.com', 'https://console.app.example.com']
const environment = { APP_URL: origin, TRUSTED_ORIGINS: second }

describe('passkeys', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature], environment })
  })
  afterAll(() => world.close())

  /** Like a browser, sends the cookie of the challenge together with the session cookie. */
  const beginRegistration = async ({ send, cookie }: SignedIn) => {
    const options = await send('GET /api/auth/passkey/generate-register-options', { query: { name: 'Laptop' } })
    return { options: options.body, cookie: `${cookie}; ${cookieOf(options)}` }
  }
  const finishRegistration = (cookie: string, response: object, name = 'Laptop') =>
    fromOurPage(world)('POST /api/auth/passkey/verify-registration', { body: { response, name }, headers: { cookie } })
  const register = async (user: SignedIn, authenticator: SoftwareAuthenticator) => {
    const { options, cookie } = await beginRegistration(user)
    return finishRegistration(cookie, authenticator.register({ challenge: options.challenge, origin, rpId }))
  }
  const beginSignIn = async () => {
    const options = await world.send('GET /api/auth/passkey/generate-authenticate-options')
    return { challenge: String(options.body.challenge), cookie: cookieOf(options), rpId: options.body.rpId }
  }
  const finishSignIn = (cookie: string, response: object, headers = {}) =>
    fromOurPage(world)('POST /api/auth/passkey/verify-authentication', {
      body: { response },
      headers: { cookie, ...headers },
    })
  const signIn = async (
    authenticator: SoftwareAuthenticator,
    fields: { origin?: string; rpId?: string; userVerified?: boolean } = {},
  ) => {
    const { challenge, cookie } = await beginSignIn()
    return finishSignIn(cookie, authenticator.signIn({ challenge, origin, rpId, ...fields }))
  }

  it('can be registered by a signed-in user, and sign them in without a password or a code', async () => {
    const [user, authenticator] = [await signUp(world), createAuthenticator()]
    const { options, cookie } = await beginRegistration(user)
    expect(options).toMatchObject({
      rp: { name: 'Appstrate', id: rpId },
      attestation: 'none',
      authenticatorSelection: { userVerification: 'required' },
    })
    const registered = await finishRegistration(
      cookie,
      authenticator.register({ challenge: options.challenge, origin, rpId }),
    )
    expect(registered.body, registered.text).toMatchObject({
      name: 'Laptop',
      userId: user.userId,
      credentialID: authenticator.credentialId,
      counter: 1,
    })
    const { rpId: asked } = await beginSignIn()
    expect(asked).toBe(rpId)
    const answer = await signIn(authenticator)
    expect(answer.body.user, answer.text).toMatchObject({ id: user.userId })
    const session = await world.send('GET /api/auth/get-session', { headers: { cookie: cookieOf(answer) } })
    expect(session.body.user).toMatchObject({ id: user.userId, email: user.email })
  })

  it('also sign in from a trusted origin, but from no other', async () => {
    const [user, authenticator] = [await signUp(world), createAuthenticator()]
    await register(user, authenticator)
    expect((await signIn(authenticator, { origin: second })).status).toBe(200)
    expectProblem(
      relayAuthPost,
      await signIn(authenticator, { origin: 'https://evil.example.com' }),
      'auth-request-refused',
    )
    expectProblem(relayAuthPost, await signIn(authenticator, { rpId: 'evil.example.com' }), 'auth-request-refused')
  })

  it('require user verification, a response to the current challenge, and a growing counter', async () => {
    const [user, authenticator] = [await signUp(world), createAuthenticator()]
    await register(user, authenticator)
    const unverified = await signIn(authenticator, { userVerified: false })
    expectProblem(relayAuthPost, unverified, 'sign-in-failed')
    expect(unverified.body.code).toBe('USER_VERIFICATION_REQUIRED')
    const { challenge, cookie } = await beginSignIn()
    const older = await beginSignIn()
    const response = authenticator.signIn({ challenge, origin, rpId })
    expectProblem(relayAuthPost, await finishSignIn(older.cookie, response), 'auth-request-refused')
    expect((await finishSignIn(cookie, response)).status).toBe(200)
    expectProblem(relayAuthPost, await finishSignIn(cookie, response), 'auth-request-refused')
    await world.platform.db.updateTable('passkeys').set({ counter: 1000 }).where('user_id', '=', user.userId).execute()
    expectProblem(relayAuthPost, await signIn(authenticator), 'auth-request-refused')
  })

  it('cannot be registered by an authenticator that did not verify its user', async () => {
    const user = await signUp(world)
    const { options, cookie } = await beginRegistration(user)
    const response = createAuthenticator().register({ challenge: options.challenge, origin, rpId, userVerified: false })
    const answer = await finishRegistration(cookie, response)
    expectProblem(relayAuthPost, answer, 'auth-request-refused')
    expect(answer.body.code).toBe('USER_VERIFICATION_REQUIRED')
    expect((await user.send('GET /api/auth/passkey/list-user-passkeys')).body).toEqual([])
  })

  it('refuse an unregistered key, and another key with a registered id', async () => {
    const [user, authenticator] = [await signUp(world), createAuthenticator()]
    await register(user, authenticator)
    expectProblem(relayAuthPost, await signIn(createAuthenticator()), 'sign-in-failed')
    const { challenge, cookie } = await beginSignIn()
    const forged = {
      ...createAuthenticator().signIn({ challenge, origin, rpId }),
      id: authenticator.credentialId,
      rawId: authenticator.credentialId,
    }
    expectProblem(relayAuthPost, await finishSignIn(cookie, forged), 'auth-request-refused')
  })

  it('cannot be registered without a session, with an old session, for another user, or twice', async () => {
    expectProblem(relayAuthGet, await world.send('GET /api/auth/passkey/generate-register-options'), 'unauthorized')
    const [user, other, authenticator] = [await signUp(world), await signUp(world), createAuthenticator()]
    const { options, cookie } = await beginRegistration(user)
    const theirs = cookie.replace(user.cookie, other.cookie)
    const response = authenticator.register({ challenge: options.challenge, origin, rpId })
    expectProblem(relayAuthPost, await finishRegistration(theirs, response), 'sign-in-failed')
    expect((await register(user, authenticator)).status).toBe(200)
    expectProblem(relayAuthPost, await register(other, authenticator), 'auth-request-refused')
    expect((await signIn(authenticator)).body.user.id).toBe(user.userId)
    const yesterday = new Date(Date.now() - 25 * 3_600_000)
    await world.platform.db
      .updateTable('sessions')
      .set({ created_at: yesterday })
      .where('user_id', '=', user.userId)
      .execute()
    expectProblem(
      relayAuthGet,
      await user.send('GET /api/auth/passkey/generate-register-options'),
      'reauthentication-required',
    )
  })

  it('refuse a response that no authenticator would send, without an error in the log', async () => {
    const user = await signUp(world)
    const { cookie } = await beginRegistration(user)
    const nonsense = {
      id: 'x',
      rawId: 'x',
      type: 'public-key',
      response: { clientDataJSON: 'e30', attestationObject: 'AA' },
    }
    expectProblem(relayAuthPost, await finishRegistration(cookie, nonsense), 'auth-request-refused')
    for (const response of [nonsense, {}]) {
      const answer = await finishSignIn((await beginSignIn()).cookie, response)
      expect([400, 401]).toContain(answer.status)
      expectProblem(relayAuthPost, answer)
    }
    expect(world.logLines.filter((line) => line.includes('Failed to verify') && line.includes('"level":50'))).toEqual(
      [],
    )
  })

  it('can be listed, renamed and deleted only by their owner', async () => {
    const [user, other, authenticator] = [await signUp(world), await signUp(world), createAuthenticator()]
    const { id } = (await register(user, authenticator)).body
    const list = async ({ send }: SignedIn) =>
      (await send('GET /api/auth/passkey/list-user-passkeys')).body.map(({ name }: { name: string }) => name)
    expect([await list(user), await list(other)]).toEqual([['Laptop'], []])
    const rename = ({ send }: SignedIn) =>
      send('POST /api/auth/passkey/update-passkey', { body: { id, name: 'Phone' } })
    const remove = ({ send }: SignedIn) => send('POST /api/auth/passkey/delete-passkey', { body: { id } })
    for (const attempt of [rename, remove]) expect((await attempt(other)).status).toBe(401)
    expect(await list(user)).toEqual(['Laptop'])
    expect((await rename(user)).status).toBe(200)
    expect(await list(user)).toEqual(['Phone'])
    expect((await remove(user)).body).toEqual({ status: true })
    expectProblem(relayAuthPost, await signIn(authenticator), 'sign-in-failed')
  })
})
