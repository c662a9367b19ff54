import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMailbox } from '../../../../platform/mail/testing/mailbox.ts'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { deleteExpiredSessions } from '../delete-expired-sessions.job.ts'
import { signInFeature } from '../index.ts'
import { freeAttempts } from './password-attempts.ts'
import { relayAuthPost } from '../relay-auth-post.ts'
import { signInEmail } from '../sign-in-email.ts'

const guess = 'not this one at all'
const signIn = (world: World, email: string, password: string) =>
  fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password } })
/** Ends the delay of every account, as if the time had passed. */
const endDelays = (world: World) =>
  world.platform.db
    .updateTable('password_attempts')
    .set({ blocked_until: new Date(0) })
    .execute()

describe('wrong passwords', () => {
  let world: World
  beforeAll(async () => {
    // The time stands still, so that no delay ends during a test.
    const now = new Date()
    world = await openWorld({ features: [signInFeature], clock: { now: () => now } })
  })
  afterAll(() => world.close())

  it('are limited per account even if they are concurrent, with or without an account', async () => {
    const { email, password } = await signUp(world)
    for (const address of [email, 'nobody@example.com']) {
      const answers = await Promise.all(Array.from({ length: freeAttempts + 6 }, () => signIn(world, address, guess)))
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(freeAttempts)
      const delayed = answers.filter(({ status }) => status === 429)
      expect(delayed).toHaveLength(6)
      for (const answer of delayed) expectProblem(signInEmail, answer, 'too-many-wrong-passwords')
    }
    const refused = await signIn(world, email.toUpperCase(), password)
    expectProblem(signInEmail, refused, 'too-many-wrong-passwords')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  }, 60_000)

  it('have a growing delay, and are forgotten after the correct one', async () => {
    const { email, password } = await signUp(world)
    for (let count = 0; count < freeAttempts; count += 1) await signIn(world, email, guess)
    await endDelays(world)
    expect((await signIn(world, email, guess)).status).toBe(401)
    expect(Number((await signIn(world, email, password)).headers.get('retry-after'))).toBeGreaterThan(60)
    await endDelays(world)
    expect((await signIn(world, email, password)).status).toBe(200)
    expect((await signIn(world, email, guess)).status).toBe(401)
    expect((await signIn(world, email, password)).status).toBe(200)
  }, 60_000)

  it('count wherever a session can send the password', async () => {
    const user = await signUp(world)
    const attempts = ['two-factor/disable', 'two-factor/get-totp-uri', 'change-password']
    for (let count = 0; count < freeAttempts; count += 1) {
      const answer = await user.send(`POST /api/auth/${attempts[count % attempts.length]}`, {
        body: { password: guess, currentPassword: guess, newPassword: 'another long password' },
      })
      expectProblem(relayAuthPost, answer, 'auth-request-refused')
    }
    const body = { currentPassword: user.password, newPassword: 'another long password' }
    expectProblem(
      relayAuthPost,
      await user.send('POST /api/auth/change-password', { body }),
      'too-many-wrong-passwords',
    )
    expectProblem(signInEmail, await signIn(world, user.email, user.password), 'too-many-wrong-passwords')
  }, 60_000)

  it('are not forgotten by a change that needs no password, and have no other way to be tried', async () => {
    const user = await signUp(world)
    for (const path of ['verify-password', 'get-access-token', 'refresh-token']) {
      const answer = await user.send(`POST /api/auth/${path}`, {
        body: { password: user.password, providerId: 'google' },
      })
      expectProblem(relayAuthPost, answer, 'not-found')
    }
    for (let count = 1; count < freeAttempts; count += 1) await signIn(world, user.email, guess)
    const { email: taken } = await signUp(world)
    const changed = await user.send('POST /api/auth/change-email', {
      body: { newEmail: taken, currentPassword: guess },
    })
    expectProblem(relayAuthPost, changed, 'reauthentication-required')
    expectProblem(signInEmail, await signIn(world, user.email, user.password), 'too-many-wrong-passwords')
  }, 60_000)

  it('are deleted after a day', async () => {
    await signIn(world, 'old@example.com', guess)
    const rows = () => world.platform.db.selectFrom('password_attempts').select('account').execute()
    expect((await rows()).length).toBeGreaterThan(0)
    await world.platform.db
      .updateTable('password_attempts')
      .set({ last_at: new Date(world.platform.clock.now().getTime() - 25 * 3_600_000) })
      .execute()
    await deleteExpiredSessions.run(world.platform, new AbortController().signal)
    expect(await rows()).toEqual([])
  })
})

it('mails the owner once about wrong passwords, who can then sign in with a reset password', async () => {
  const mailbox = await openMailbox()
  const origin = 'http://localhost:3000'
  const world = await openWorld({
    features: [signInFeature],
    environment: { SMTP_URL: mailbox.url, APP_URL: origin },
  })
  const email = 'owner@example.com'
  const mailWith = async (subject: string) => {
    const find = () => mailbox.mails.find((mail) => mail.includes(`\nSubject: ${subject}`))
    await expect.poll(find, { timeout: 15_000 }).toBeDefined()
    return find() ?? ''
  }
  const follow = async (mail: string) => {
    const { pathname, search } = new URL(/http:\/\/localhost:3000\/\S+/.exec(mail)?.[0] ?? '')
    return world.send(`GET ${pathname}${search}`)
  }
  await fromOurPage(world)('POST /api/auth/sign-up/email', {
    body: { name: 'Ada', email, password: 'correct horse battery' },
  })
  await follow(await mailWith('Confirm your e-mail address'))
  for (let count = 0; count < freeAttempts; count += 1) await signIn(world, email, guess)
  expect(await mailWith('Sign-in with your password is delayed')).toContain('request a password reset')
  await endDelays(world)
  await signIn(world, email, guess)
  expect((await signIn(world, email, guess)).status).toBe(429)
  await fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email, redirectTo: '/reset' } })
  const link = await follow(await mailWith('Set a new password'))
  const token = new URL(link.headers.get('location') ?? '', origin).searchParams.get('token') ?? ''
  const newPassword = 'another long password'
  await fromOurPage(world)('POST /api/auth/reset-password', { body: { newPassword, token } })
  expect((await signIn(world, email, newPassword)).status).toBe(200)
  await mailWith('Your password was reset')
  expect(mailbox.mails.filter((mail) => mail.includes('\nSubject: Sign-in with your password'))).toHaveLength(1)
  await world.close()
  await mailbox.close()
}, 60_000)
