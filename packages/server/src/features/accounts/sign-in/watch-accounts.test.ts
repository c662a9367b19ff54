import { sql } from 'kysely'
import { TOTP, URI } from 'otpauth'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openMailbox, type Mailbox } from '../../../platform/mail/testing/mailbox.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { requester } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { securityLogFeature } from '../security-log/index.ts'
import { signInFeature } from './index.ts'
import { relayAuthGet } from './relay-auth-get.ts'
import { relayAuthPost } from './relay-auth-post.ts'
import { createAuthenticator } from './testing/software-authenticator.ts'

const origin = 'http://localhost:3000'
const features = [signInFeature, securityLogFeature]
const password = 'correct horse battery'
const confirm = 'Confirm your e-mail address'

describe('with a mail server, the owner of an account', () => {
  let world: World
  let mailbox: Mailbox
  let people = 0
  beforeAll(async () => {
    mailbox = await openMailbox()
    world = await openWorld({ features, environment: { SMTP_URL: mailbox.url, APP_URL: origin } })
  })
  afterAll(async () => {
    await world.close()
    await mailbox.close()
  })
  beforeEach(() => void mailbox.mails.splice(0))

  const mailTo = async (address: string, subject: string): Promise<string> => {
    const find = () =>
      mailbox.mails.find((mail) => mail.includes(`\nTo: ${address}\n`) && mail.includes(`\nSubject: ${subject}\n`))
    await expect.poll(find, { timeout: 15_000 }).toBeDefined()
    const mail = find() ?? ''
    mailbox.mails.splice(mailbox.mails.indexOf(mail), 1)
    return mail
  }
  const follow = async (mail: string) => {
    const { pathname, search } = new URL(/http:\/\/localhost:3000\/\S+/.exec(mail)?.[0] ?? '')
    return world.send(`GET ${pathname}${search}`)
  }
  const person = async () => {
    people += 1
    const email = `person-${people}@example.com`
    await fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email, password } })
    const cookie = cookieOf(await follow(await mailTo(email, 'Confirm your e-mail address')))
    return { email, cookie, send: requester(world.url, { cookie, origin }) }
  }
  const actionsOf = async ({ send }: Awaited<ReturnType<typeof person>>) =>
    (await send('GET /api/profile/security-log')).body.data.map(({ action }: { action: string }) => action)
  const resetToken = async (email: string) => {
    await fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email, redirectTo: '/reset' } })
    const link = await follow(await mailTo(email, 'Set a new password'))
    return new URL(link.headers.get('location') ?? '', origin).searchParams.get('token') ?? ''
  }
  const reset = (token: string) =>
    fromOurPage(world)('POST /api/auth/reset-password', { body: { newPassword: 'another long password', token } })

  it('is told of a changed password, which ends the other sessions and the mailed links', async () => {
    const user = await person()
    const token = await resetToken(user.email)
    const other = await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email: user.email, password } })
    const changed = await user.send('POST /api/auth/change-password', {
      body: { currentPassword: password, newPassword: 'another long password' },
    })
    expect(changed.status, changed.text).toBe(200)
    const mail = await mailTo(user.email, 'Your password was changed')
    expect(mail).toMatch(/^IP address: 127\.0\.0\.1$/m)
    expect(mail).toMatch(/^Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/m)
    expect(mail).toContain('If it was not you, request a password reset')
    const session = (cookie: string) => world.send('GET /api/auth/get-session', { headers: { cookie } })
    expect((await session(cookieOf(other))).body).toBeNull()
    expect((await session(cookieOf(changed))).body.user.email).toBe(user.email)
    expectProblem(relayAuthPost, await reset(token), 'auth-request-refused')
  })

  it('is told of a reset password, which ends the other mailed links', async () => {
    const user = await person()
    const [first, second] = [await resetToken(user.email), await resetToken(user.email)]
    expect((await reset(second)).status).toBe(200)
    await mailTo(user.email, 'Your password was reset')
    expectProblem(relayAuthPost, await reset(first), 'auth-request-refused')
  })

  it('is told at both addresses of a changed one, whose mailed links end', async () => {
    const user = await person()
    const newEmail = `new-${user.email}`
    const token = await resetToken(user.email)
    await user.send('POST /api/auth/change-email', { body: { newEmail } })
    await follow(await mailTo(user.email, 'Confirm the change of your e-mail address'))
    await follow(await mailTo(newEmail, 'Confirm your e-mail address'))
    for (const address of [user.email, newEmail])
      expect(await mailTo(address, 'Your e-mail address was changed')).toContain(`${user.email} became ${newEmail}`)
    expectProblem(relayAuthPost, await reset(token), 'auth-request-refused')
    expect(await actionsOf(user)).toEqual(['email.changed', 'session.created', 'account.created'])
  })

  it.each(['before the first link', 'between the two links'])(
    'keeps the account when a thief asked for another address and the password is changed %s',
    async (when) => {
      const user = await person()
      const newEmail = `thief-${user.email}`
      await user.send('POST /api/auth/change-email', { body: { newEmail } })
      const first = await mailTo(user.email, 'Confirm the change of your e-mail address')
      const second = when === 'between the two links' ? [await follow(first), await mailTo(newEmail, confirm)] : []
      const body = { currentPassword: password, newPassword: 'another long password' }
      const changed = await user.send('POST /api/auth/change-password', { body })
      expect(changed.status, changed.text).toBe(200)
      const late = await follow(typeof second[1] === 'string' ? second[1] : first)
      expectProblem(relayAuthGet, late, 'sign-in-failed')
      const session = await world.send('GET /api/auth/get-session', { headers: { cookie: cookieOf(changed) } })
      expect(session.body.user.email).toBe(user.email)
    },
  )

  it('is told of added and deleted passkeys', async () => {
    const user = await person()
    const options = await user.send('GET /api/auth/passkey/generate-register-options')
    const response = createAuthenticator().register({ challenge: options.body.challenge, origin, rpId: 'localhost' })
    const added = await fromOurPage(world)('POST /api/auth/passkey/verify-registration', {
      body: { response, name: 'Laptop' },
      headers: { cookie: `${user.cookie}; ${cookieOf(options)}` },
    })
    expect(added.status, added.text).toBe(200)
    expect(await mailTo(user.email, 'A passkey was added')).toContain('Details: Laptop')
    await user.send('POST /api/auth/passkey/delete-passkey', { body: { id: added.body.id } })
    await mailTo(user.email, 'A passkey was deleted')
    expect((await actionsOf(user)).slice(0, 2)).toEqual(['passkey.deleted', 'passkey.added'])
  })

  it('is told of enabled, replaced and disabled codes', async () => {
    const user = await person()
    const { body } = await user.send('POST /api/auth/two-factor/enable', { body: { password } })
    const totp = URI.parse(body.totpURI)
    if (!(totp instanceof TOTP)) throw new Error('The URI is not a TOTP URI.')
    const enabled = await user.send('POST /api/auth/two-factor/verify-totp', { body: { code: totp.generate() } })
    await mailTo(user.email, 'Sign-in codes were enabled')
    const send = requester(world.url, { cookie: cookieOf(enabled), origin })
    await send('POST /api/auth/two-factor/generate-backup-codes', { body: { password } })
    await mailTo(user.email, 'Your backup codes were replaced')
    const half = await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email: user.email, password } })
    await fromOurPage(world)('POST /api/auth/two-factor/verify-backup-code', {
      body: { code: 'wrong-wrong' },
      headers: { cookie: cookieOf(half) },
    })
    const actions = () => actionsOf({ ...user, send })
    // The right password without its code is no sign-in.
    await expect
      .poll(actions, { timeout: 15_000 })
      .toEqual(['sign-in.failed', 'codes.replaced', 'codes.enabled', 'session.created', 'account.created'])
    await send('POST /api/auth/two-factor/disable', { body: { password } })
    await mailTo(user.email, 'Sign-in codes were disabled')
  })
})

it('ends mailed links with a change whose event cannot be stored', async () => {
  const mailbox = await openMailbox()
  const world = await openWorld({ features, environment: { SMTP_URL: mailbox.url, APP_URL: origin } })
  const { db } = world.platform
  const [email, newEmail] = ['ada@example.com', 'thief@example.com']
  const follow = async (address: string, subject: string) => {
    const find = () =>
      mailbox.mails.find((mail) => mail.includes(`\nTo: ${address}\n`) && mail.includes(`\nSubject: ${subject}\n`))
    await expect.poll(find, { timeout: 15_000 }).toBeDefined()
    const { pathname, search } = new URL(/http:\/\/localhost:3000\/\S+/.exec(find() ?? '')?.[0] ?? '')
    return () => world.send(`GET ${pathname}${search}`)
  }
  await fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email, password } })
  const cookie = cookieOf(await (await follow(email, confirm))())
  const send = requester(world.url, { cookie, origin })
  await send('POST /api/auth/change-email', { body: { newEmail } })
  await fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email, redirectTo: '/reset' } })
  await (await follow(email, 'Confirm the change of your e-mail address'))()
  const toThief = await follow(newEmail, confirm)
  const toReset = await follow(email, 'Set a new password')
  await sql`alter table security_events add check (action <> 'password.changed') not valid`.execute(db)
  const body = { currentPassword: password, newPassword: 'another long password' }
  expect((await send('POST /api/auth/change-password', { body })).status).toBe(200)
  expect(world.logLines.filter((line) => line.includes('could not be stored'))).toHaveLength(1)
  expectProblem(relayAuthGet, await toThief(), 'sign-in-failed')
  expect((await toReset()).headers.get('location')).toContain('error=INVALID_TOKEN')
  const { email: kept } = await db.selectFrom('users').select('email').executeTakeFirstOrThrow()
  expect(kept).toBe(email)
  await world.close()
  await mailbox.close()
})

it('still changes the password, and logs it once, if the event cannot be stored', async () => {
  const world = await openWorld({ features })
  const user = await signUp(world)
  await world.platform.db.schema.dropTable('security_events').execute()
  const answer = await user.send('POST /api/auth/change-password', {
    body: { currentPassword: user.password, newPassword: 'another long password' },
  })
  expect(answer.status, answer.text).toBe(200)
  expect(
    world.logLines.filter((line) => line.includes('could not be stored') && line.includes('password.changed')),
  ).toHaveLength(1)
  await world.close()
})
