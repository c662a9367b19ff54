import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { fromOurPage } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { relayAuthPost } from '../relay-auth-post.ts'
import { signInEmail } from '../sign-in-email.ts'
import { mailsMax } from './limit-mails.ts'
import { openMailbox, openSilentServer, type Mailbox } from '../../../../platform/mail/testing/mailbox.ts'

const origin = 'http://localhost:3000'
const password = 'correct horse battery'

describe('with a mail server', () => {
  let world: World
  let mailbox: Mailbox
  beforeAll(async () => {
    mailbox = await openMailbox()
    world = await openWorld({
      features: [signInFeature],
      environment: { SMTP_URL: mailbox.url, APP_URL: origin, MAIL_FROM: 'Test <no-reply@test.example>' },
    })
  })
  afterAll(async () => {
    await world.close()
    await mailbox.close()
  })
  beforeEach(() => void mailbox.mails.splice(0))

  const signUp = (email: string) =>
    fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email, password } })
  const signIn = (email: string, secret = password) =>
    fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: secret } })
  const nextMail = async (): Promise<string> => {
    await expect.poll(() => mailbox.mails.length, { timeout: 15_000 }).toBeGreaterThan(0)
    return mailbox.mails.shift() ?? ''
  }
  const linkIn = (mail: string) => new URL(/http:\/\/localhost:3000\/\S+/.exec(mail)?.[0] ?? '')
  const follow = ({ pathname, search }: URL) => world.send(`GET ${pathname}${search}`)

  it('creates no session until the address is verified by the link in the mail', async () => {
    const answer = await signUp('ada@example.com')
    expect(answer.body.token).toBeNull()
    expect(answer.headers.getSetCookie()).toEqual([])
    const refused = await signIn('ada@example.com')
    expectProblem(signInEmail, refused, 'sign-in-refused')
    expect(refused.body.code).toBe('EMAIL_NOT_VERIFIED')
    const mail = await nextMail()
    expect(mail).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m)
    expect(mail).toMatch(/^Subject: Confirm your e-mail address$/m)
    expect(mail).toMatch(/^To: ada@example\.com$/m)
    expect(mail).toMatch(/^From: Test <no-reply@test\.example>$/m)
    const verified = await follow(linkIn(mail))
    expect([verified.status, verified.headers.get('location')]).toEqual([302, '/'])
    expect(verified.headers.getSetCookie().join()).toContain('better-auth.session_token=')
    expect((await signIn('ada@example.com')).body.user).toMatchObject({ emailVerified: true })
  })

  it('sends a link that sets a new password once, and ends the sessions', async () => {
    await signUp('bob@example.com')
    await follow(linkIn(await nextMail()))
    const { user } = (await signIn('bob@example.com')).body
    const request = await fromOurPage(world)('POST /api/auth/request-password-reset', {
      body: { email: 'bob@example.com', redirectTo: '/reset' },
    })
    expect(request.status).toBe(200)
    const link = await follow(linkIn(await nextMail()))
    const token = new URL(link.headers.get('location') ?? '', origin).searchParams.get('token') ?? ''
    const stored = await world.platform.db.selectFrom('verifications').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(token)
    const reset = () =>
      fromOurPage(world)('POST /api/auth/reset-password', { body: { newPassword: 'another long password', token } })
    expect((await reset()).status).toBe(200)
    expect(
      await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', user.id).execute(),
    ).toEqual([])
    expect([
      (await signIn('bob@example.com')).status,
      (await signIn('bob@example.com', 'another long password')).status,
    ]).toEqual([401, 200])
    expect((await reset()).status).toBe(400)
  })

  it('refuses a link that was changed', async () => {
    await signUp('dora@example.com')
    const link = linkIn(await nextMail())
    link.searchParams.set('token', `${link.searchParams.get('token')?.slice(0, -4)}AAAA`)
    expect((await follow(link)).headers.get('location')).toMatch(/error=INVALID_TOKEN/i)
    expectProblem(signInEmail, await signIn('dora@example.com'), 'sign-in-refused')
  })

  it('mails an address only a few times an hour, wherever the requests come from, with the same reply', async () => {
    const [email, other] = ['flooded@example.com', 'spared@example.com']
    await signUp(email)
    await signUp(other)
    await expect.poll(() => mailbox.mails.length, { timeout: 15_000 }).toBe(2)
    mailbox.mails.splice(0)
    const request = (path: string, address: string) =>
      fromOurPage(world)(`POST /api/auth/${path}`, { body: { email: address } })
    for (const [path, subject, sent] of [
      ['request-password-reset', 'Set a new password', mailsMax],
      ['send-verification-email', 'Confirm your e-mail address', mailsMax - 1],
    ] as const) {
      const replies = await Promise.all(
        Array.from({ length: 12 }, (_, index) => request(path, index % 2 === 0 ? email : email.toUpperCase())),
      )
      const unknown = await request(path, 'nobody@example.com')
      for (const reply of replies) expect([reply.status, reply.body]).toEqual([200, unknown.body])
      await request(path, other)
      const mailsTo = (address: string) =>
        mailbox.mails.filter((mail) => mail.includes(`\nTo: ${address}\n`) && mail.includes(`\nSubject: ${subject}\n`))
      await expect.poll(() => mailsTo(other).length, { timeout: 15_000 }).toBe(1)
      await expect.poll(() => mailsTo(email).length, { timeout: 15_000 }).toBe(sent)
    }
  })

  it('does not reveal whether an address has an account', async () => {
    await signUp('carol@example.com')
    await nextMail()
    const again = await signUp('carol@example.com')
    expect([again.status, again.body.token]).toEqual([200, null])
    const reset = (email: string) => fromOurPage(world)('POST /api/auth/request-password-reset', { body: { email } })
    expect((await reset('nobody@example.com')).body).toEqual((await reset('carol@example.com')).body)
    expect(await nextMail()).toMatch(/^To: carol@example\.com$/m)
    expect(mailbox.mails).toEqual([])
  })
})

describe.each(['gone', 'silent', 'refusing'] as const)('with a mail server that is %s', (fault) => {
  const open = async () => {
    if (fault === 'silent') return openSilentServer()
    const mailbox = await openMailbox({ refuses: fault === 'refusing' })
    if (fault === 'gone') await mailbox.close()
    return mailbox
  }

  it('still answers immediately, and logs the failure once, without the link', async () => {
    const server = await open()
    const world = await openWorld({ features: [signInFeature], environment: { SMTP_URL: server.url } })
    // Loads the library, which takes a while.
    await world.send('GET /api/auth/get-session')
    const startedAt = performance.now()
    const answer = await fromOurPage(world)('POST /api/auth/sign-up/email', {
      body: { name: 'Ada', email: 'ada@example.com', password },
    })
    expect([answer.status, answer.body.token]).toEqual([200, null])
    // The mailer waits ten seconds for a silent server.
    expect(performance.now() - startedAt).toBeLessThan(8_000)
    const failures = () => world.logLines.filter((line) => line.includes('The mail could not be sent.'))
    if ('connections' in server) {
      await expect.poll(() => server.connections(), { timeout: 10_000 }).toBe(1)
      expect(failures()).toEqual([])
      server.close()
    }
    await expect.poll(() => failures().length, { timeout: 10_000 }).toBe(1)
    await world.close()
    expect(failures()).toHaveLength(1)
    expect(world.logLines.join('\n')).not.toMatch(/verify-email\?token/)
    if (fault === 'refusing') await server.close()
  })
})

it('allows a sign-up without a mail server, and refuses a password reset', async () => {
  const world = await openWorld({ features: [signInFeature] })
  const signedUp = await fromOurPage(world)('POST /api/auth/sign-up/email', {
    body: { name: 'Ada', email: 'ada@example.com', password },
  })
  expect(signedUp.body.token).not.toBeNull()
  const answer = await fromOurPage(world)('POST /api/auth/request-password-reset', {
    body: { email: 'ada@example.com' },
  })
  expectProblem(relayAuthPost, answer, 'auth-request-refused')
  expect(answer.body).toMatchObject({ code: 'RESET_PASSWORD_DISABLED', detail: "Reset password isn't enabled." })
  await world.close()
})
