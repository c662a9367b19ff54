import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openMailbox, type Mailbox } from '../../../../platform/mail/testing/mailbox.ts'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../../testing/factories/session.ts'
import { requester } from '../../../../testing/request.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { relayAuthGet } from '../relay-auth-get.ts'
import { relayAuthPost } from '../relay-auth-post.ts'

const minuteMs = 60_000

/** Makes every session of the user look as if it had been opened that long ago. */
async function ageSessions(world: World, userId: string, ms: number): Promise<void> {
  await world.platform.db
    .updateTable('sessions')
    .set({ created_at: new Date(Date.now() - ms) })
    .where('user_id', '=', userId)
    .execute()
}

describe('changing how one signs in', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature] })
  })
  afterAll(() => world.close())
  const emailOf = async ({ userId }: SignedIn) =>
    (await world.platform.db.selectFrom('users').select('email').where('id', '=', userId).executeTakeFirst())?.email

  it.each([
    ['change-email', { newEmail: 'thief@example.com' }],
    ['link-social', { provider: 'google' }],
    ['unlink-account', { providerId: 'google' }],
    ['passkey/verify-registration', { response: {} }],
    ['passkey/delete-passkey', { id: 'passkey_1' }],
  ])('needs a recent sign-in or the password: %s', async (path, body) => {
    const user = await signUp(world)
    const send = (fields: object) => user.send(`POST /api/auth/${path}`, { body: { ...body, ...fields } })
    const recent = await send({})
    expect(recent.body.code).not.toBe('REAUTHENTICATION_REQUIRED')
    await ageSessions(world, user.userId, 16 * minuteMs)
    for (const fields of [{}, { currentPassword: 'not this one' }, { currentPassword: 7 }])
      expectProblem(relayAuthPost, await send(fields), 'reauthentication-required')
    expect((await send({ currentPassword: user.password })).body.code).not.toBe('REAUTHENTICATION_REQUIRED')
  })

  it('needs a recent sign-in to begin with a passkey', async () => {
    const user = await signUp(world)
    const begin = () => user.send('GET /api/auth/passkey/generate-register-options')
    expect((await begin()).status).toBe(200)
    await ageSessions(world, user.userId, 11 * minuteMs)
    expectProblem(relayAuthGet, await begin(), 'reauthentication-required')
  })

  it('changes nothing when it is refused, and works with another sign-in', async () => {
    const user = await signUp(world)
    await ageSessions(world, user.userId, 11 * minuteMs)
    const body = { newEmail: `new-${user.email}` }
    expectProblem(relayAuthPost, await user.send('POST /api/auth/change-email', { body }), 'reauthentication-required')
    expect(await emailOf(user)).toBe(user.email)
    const again = await fromOurPage(world)('POST /api/auth/sign-in/email', {
      body: { email: user.email, password: user.password },
    })
    const answer = await fromOurPage(world)('POST /api/auth/change-email', {
      body,
      headers: { cookie: cookieOf(again) },
    })
    expect(answer.status, answer.text).toBe(200)
    expect(await emailOf(user)).toBe(body.newEmail)
  })
})

describe('a change of address with a mail server', () => {
  const origin = 'http://localhost:3000'
  let world: World
  let mailbox: Mailbox
  beforeAll(async () => {
    mailbox = await openMailbox()
    world = await openWorld({ features: [signInFeature], environment: { SMTP_URL: mailbox.url, APP_URL: origin } })
  })
  afterAll(async () => {
    await world.close()
    await mailbox.close()
  })
  beforeEach(() => void mailbox.mails.splice(0))

  const mailTo = async (address: string): Promise<string> => {
    const find = () => mailbox.mails.find((mail) => mail.includes(`\nTo: ${address}\n`))
    await expect.poll(find, { timeout: 15_000 }).toBeDefined()
    const mail = find() ?? ''
    mailbox.mails.splice(mailbox.mails.indexOf(mail), 1)
    return mail
  }
  const follow = async (mail: string) => {
    const { pathname, search } = new URL(/http:\/\/localhost:3000\/\S+/.exec(mail)?.[0] ?? '')
    return world.send(`GET ${pathname}${search}`)
  }

  it('needs the old address first, and then the new one', async () => {
    const [email, newEmail] = ['owner@example.com', 'elsewhere@example.com']
    await fromOurPage(world)('POST /api/auth/sign-up/email', {
      body: { name: 'Ada', email, password: 'correct horse battery' },
    })
    const cookie = cookieOf(await follow(await mailTo(email)))
    const send = requester(world.url, { cookie, origin })
    const profileEmail = async () => (await send('GET /api/auth/get-session')).body.user.email
    expect((await send('POST /api/auth/change-email', { body: { newEmail } })).status).toBe(200)
    const question = await mailTo(email)
    expect(question).toMatch(/^Subject: Confirm the change of your e-mail address$/m)
    expect(question).toContain(newEmail)
    expect(mailbox.mails).toEqual([])
    await follow(question)
    expect(await profileEmail()).toBe(email)
    await follow(await mailTo(newEmail))
    expect(await profileEmail()).toBe(newEmail)
  })
})
