import { TOTP, URI } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { relayAuthPost } from '../relay-auth-post.ts'
import { signInEmail } from '../sign-in-email.ts'
import { wrongCodesMax } from './second-factors.ts'

const secretOf = (uri: string) => {
  const totp = URI.parse(uri)
  if (!(totp instanceof TOTP)) throw new Error('The URI is not a TOTP URI.')
  return totp
}
/** A code that is wrong now and for the next minutes; different for each `n`. */
const wrongCode = (totp: TOTP, n = 1) => {
  const steps = [-2, -1, 0, 1, 2, 3, 4, 5, 6]
  const right = new Set(steps.map((step) => totp.generate({ timestamp: Date.now() + step * 30_000 })))
  const wrong = Array.from({ length: n + right.size }, (_, index) => String(index).padStart(6, '0')).filter(
    (code) => !right.has(code),
  )
  return wrong[n - 1] ?? ''
}

describe('codes of an authenticator app', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature] })
  })
  afterAll(() => world.close())

  const post = (path: string, body: object, cookie?: string) =>
    fromOurPage(world)(`POST /api/auth/${path}`, { body, ...(cookie === undefined ? {} : { headers: { cookie } }) })
  const session = (cookie: string) => world.send('GET /api/auth/get-session', { headers: { cookie } })
  const rowOf = ({ userId }: SignedIn) =>
    world.platform.db.selectFrom('two_factors').selectAll().where('user_id', '=', userId).executeTakeFirstOrThrow()
  /** Signs up a user who uses codes. */
  const person = async () => {
    const user = await signUp(world)
    const { body } = await user.send('POST /api/auth/two-factor/enable', { body: { password: user.password } })
    const totp = secretOf(body.totpURI)
    const confirmed = await user.send('POST /api/auth/two-factor/verify-totp', { body: { code: totp.generate() } })
    expect(confirmed.status, confirmed.text).toBe(200)
    const backupCodes: string[] = body.backupCodes
    return { ...user, totp, backupCodes, cookie: cookieOf(confirmed) }
  }
  const challenge = async ({ email, password }: SignedIn) => {
    const answer = await post('sign-in/email', { email, password })
    expect(answer.body).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] })
    return cookieOf(answer)
  }

  it('are required after the password, once the first code has confirmed the app', async () => {
    const user = await signUp(world)
    const { totpURI, backupCodes } = (
      await user.send('POST /api/auth/two-factor/enable', { body: { password: user.password } })
    ).body
    const totp = secretOf(totpURI)
    expect([totp.issuer, totp.label, totp.digits, totp.period, backupCodes.length]).toEqual([
      'Appstrate',
      user.email,
      6,
      30,
      10,
    ])
    const signIn = () => post('sign-in/email', { email: user.email, password: user.password })
    expect((await signIn()).body.user).toMatchObject({ twoFactorEnabled: false })
    expectProblem(
      relayAuthPost,
      await user.send('POST /api/auth/two-factor/verify-totp', { body: { code: wrongCode(totp) } }),
      'sign-in-failed',
    )
    expect((await user.send('POST /api/auth/two-factor/verify-totp', { body: { code: totp.generate() } })).status).toBe(
      200,
    )
    const half = await signIn()
    expect(half.body).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] })
    expect((await session(cookieOf(half))).body).toBeNull()
    const whole = await post('two-factor/verify-totp', { code: totp.generate() }, cookieOf(half))
    expect(whole.body.user).toMatchObject({ id: user.userId, twoFactorEnabled: true })
    expect((await session(cookieOf(whole))).body.user).toMatchObject({ id: user.userId, twoFactorEnabled: true })
  })

  it('can be enabled, shown again and disabled only with the password, then are not required', async () => {
    const { send } = await signUp(world)
    for (const path of ['enable', 'disable', 'get-totp-uri', 'generate-backup-codes']) {
      const answer = await send(`POST /api/auth/two-factor/${path}`, { body: { password: 'not this one' } })
      expectProblem(relayAuthPost, answer, 'auth-request-refused')
      expectProblem(
        relayAuthPost,
        await world.send(`POST /api/auth/two-factor/${path}`, { body: { password: 'x' } }),
        'unauthorized',
      )
    }
    const user = await person()
    expect((await post('two-factor/disable', { password: user.password }, user.cookie)).body).toEqual({ status: true })
    expect((await post('sign-in/email', { email: user.email, password: user.password })).body.user).toMatchObject({
      twoFactorEnabled: false,
    })
  })

  it('are stored as secrets: the key and the backup codes are not readable in the database or the log', async () => {
    const user = await person()
    const stored = JSON.stringify(await rowOf(user))
    const secret = Buffer.from(user.totp.secret.buffer).toString()
    for (const text of [secret, user.totp.secret.base32, ...user.backupCodes]) {
      expect(stored).not.toContain(text)
      expect(world.logLines.join('\n')).not.toContain(text)
    }
  })

  it('can be replaced by a backup code, which works once', async () => {
    const user = await person()
    const [code = ''] = user.backupCodes
    const attempts = await Promise.all([challenge(user), challenge(user)])
    const answers = await Promise.all(attempts.map((cookie) => post('two-factor/verify-backup-code', { code }, cookie)))
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1)
    expectProblem(
      relayAuthPost,
      await post('two-factor/verify-backup-code', { code }, await challenge(user)),
      'sign-in-failed',
    )
    expect(
      (await post('two-factor/verify-backup-code', { code: user.backupCodes[1] }, await challenge(user))).status,
    ).toBe(200)
  })

  it('are all refused for a while after several wrong ones, even the correct code, in any sign-in', async () => {
    const user = await person()
    for (let count = 0; count < wrongCodesMax; count += 1) {
      const answer = await post(
        'two-factor/verify-totp',
        { code: wrongCode(user.totp, count + 1) },
        await challenge(user),
      )
      expectProblem(relayAuthPost, answer, 'sign-in-failed')
    }
    const refused = await post('two-factor/verify-totp', { code: user.totp.generate() }, await challenge(user))
    expectProblem(relayAuthPost, refused, 'too-many-wrong-codes')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000)
    expectProblem(
      relayAuthPost,
      await post('two-factor/verify-backup-code', { code: user.backupCodes[0] }, await challenge(user)),
      'too-many-wrong-codes',
    )
    expect((await session(user.cookie)).body.user.id).toBe(user.userId)
    await world.platform.db
      .updateTable('two_factors')
      .set({ locked_until: new Date(Date.now() - 1000) })
      .where('user_id', '=', user.userId)
      .execute()
    expect((await post('two-factor/verify-totp', { code: user.totp.generate() }, await challenge(user))).status).toBe(
      200,
    )
    expect(await rowOf(user)).toMatchObject({ failed_verification_count: 0, locked_until: null })
  })

  it('cannot be guessed by many concurrent attempts', async () => {
    const user = await person()
    const challenges: string[] = []
    for (let count = 0; count < 14; count += 1) challenges.push(await challenge(user))
    const answers = await Promise.all(
      challenges.map((cookie, n) => post('two-factor/verify-totp', { code: wrongCode(user.totp, n + 1) }, cookie)),
    )
    // Attempts that were counted in time are also refused if the last one locks the account before the library checks.
    const tried = answers.filter(({ status }) => status === 401)
    expect(tried.length).toBeLessThanOrEqual(2 * wrongCodesMax)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(challenges.length - tried.length)
    expectProblem(
      relayAuthPost,
      await post('two-factor/verify-totp', { code: user.totp.generate() }, await challenge(user)),
      'too-many-wrong-codes',
    )
  }, 60_000)

  it('work for one sign-in, even if two are concurrent', async () => {
    const user = await person()
    const challenges = [await challenge(user), await challenge(user)]
    const code = user.totp.generate()
    const answers = await Promise.all(challenges.map((cookie) => post('two-factor/verify-totp', { code }, cookie)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    const again = await post('two-factor/verify-totp', { code }, await challenge(user))
    expectProblem(relayAuthPost, again, 'sign-in-failed')
    expect(again.body.code).toBe('CODE_ALREADY_USED')
    await world.platform.db
      .updateTable('verifications')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('value', '=', 'used')
      .execute()
    expect((await post('two-factor/verify-totp', { code: user.totp.generate() }, await challenge(user))).status).toBe(
      200,
    )
  })

  it('are required once on a trusted device, but still for other users of that device', async () => {
    const user = await person()
    const half = await challenge(user)
    const trusted = await post('two-factor/verify-totp', { code: user.totp.generate(), trustDevice: true }, half)
    const device = cookieOf(trusted)
      .split('; ')
      .filter((cookie) => cookie.includes('trust_device'))
      .join('; ')
    expect((await post('sign-in/email', { email: user.email, password: user.password }, device)).body.user.id).toBe(
      user.userId,
    )
    const other = await person()
    expect(
      (await post('sign-in/email', { email: other.email, password: other.password }, device)).body.twoFactorRedirect,
    ).toBe(true)
  })

  it('are only accepted in the sign-in with the correct password', async () => {
    const user = await person()
    expectProblem(
      signInEmail,
      await post('sign-in/email', { email: user.email, password: 'not this one at all' }),
      'sign-in-failed',
    )
    expectProblem(relayAuthPost, await post('two-factor/verify-totp', { code: user.totp.generate() }), 'sign-in-failed')
    const forged = (await challenge(user)).replace(/two_factor=/, 'two_factor=x')
    expectProblem(
      relayAuthPost,
      await post('two-factor/verify-totp', { code: user.totp.generate() }, forged),
      'sign-in-failed',
    )
    const used = await challenge(user)
    expect((await post('two-factor/verify-totp', { code: user.totp.generate() }, used)).status).toBe(200)
    expectProblem(
      relayAuthPost,
      await post('two-factor/verify-totp', { code: user.totp.generate() }, used),
      'sign-in-failed',
    )
  })
})
