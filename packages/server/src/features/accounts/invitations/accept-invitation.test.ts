import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { requester } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { membersFeature } from '../members/index.ts'
import { organizationsFeature } from '../organizations/index.ts'
import { addPerson, rolesIn } from '../members/testing/person.ts'
import { signInFeature } from '../sign-in/index.ts'
import { openMailbox, type Mailbox } from '../../../platform/mail/testing/mailbox.ts'
import { removeAll } from '../removals/testing/remove-all.ts'
import { acceptInvitation } from './accept-invitation.ts'
import { invitationsFeature } from './index.ts'
import { newToken } from './invitation.ts'
import { invite, newEmail } from './testing/invited.ts'

const options = { features: [invitationsFeature, membersFeature, organizationsFeature, signInFeature] }
const password = 'correct horse battery'

describeEndpoint(acceptInvitation, {
  given: (tenant) => invite(tenant),
  call: ({ token }) => ({ params: { token }, body: { password, displayName: 'Ada' } }),
  world: options,
})

describe('accepting an invitation', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const accept = (token: string, { send = world.send, body }: { send?: World['send']; body?: object } = {}) =>
    send(`POST /api/invitations/${token}/accept`, body === undefined ? {} : { body })
  const findUser = (email: string) =>
    world.platform.db
      .selectFrom('users')
      .select(['id', 'name', 'email_verified'])
      .where('email', '=', email)
      .executeTakeFirst()

  it('signs a new user in, even if somebody has guessed passwords of the address before', async () => {
    const { token, email } = await invite(await world.tenant(), { role: 'viewer' })
    const guess = () =>
      fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: 'not this one at all' } })
    for (let last = 401; last !== 429; last = (await guess()).status) expect(last).toBe(401)
    expect((await accept(token, { body: { password } })).body).toMatchObject({ isNewUser: true, signedIn: true })
  })

  it('creates an account for a new user, signs them in and makes them a member', async () => {
    const tenant = await world.tenant()
    const { token, email } = await invite(tenant, { role: 'viewer' })
    const answer = await accept(token, { body: { password, displayName: 'Ada' } })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toEqual({ success: true, isNewUser: true, orgId: tenant.orgId, role: 'viewer', signedIn: true })
    expect(answer.headers.getSetCookie().join()).toMatch(/better-auth\.session_token=.*HttpOnly/)
    const send = requester(world.url, { cookie: cookieOf(answer) })
    const members = await send(`GET /api/orgs/${tenant.orgId}/members`)
    expect(members.body.data[0]).toMatchObject({ email, displayName: 'Ada', role: 'viewer' })
    expect((await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password } })).status).toBe(200)
    expectProblem(acceptInvitation, await accept(token, { body: { password } }), 'invitation-accepted')
    // The inviter saw the link, so it does not prove that the guest owns the mailbox.
    expect(await findUser(email)).toMatchObject({ name: 'Ada', email_verified: false })
  })

  it('names the new member in the audit log', async () => {
    const tenant = await world.tenant()
    const { token, email, id } = await invite(tenant)
    const answer = await accept(token, { body: { password } })
    const userId = (await findUser(email))?.id
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['actor', 'resource_id', 'organization_id', 'changes', 'path'])
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({
      actor: { kind: 'user', userId },
      resource_id: id,
      organization_id: tenant.organizationId,
      changes: { acceptedBy: { before: null, after: userId } },
      path: '/api/invitations/[redacted]/accept',
    })
  })

  it('accepts a user who is signed in with the address, without a password, also repeatedly', async () => {
    const tenant = await world.tenant()
    const guest = await signUp(world)
    const { token } = await invite(tenant, { email: guest.email.toUpperCase(), role: 'admin' })
    for (let time = 0; time < 2; time += 1) {
      const answer = await accept(token, { send: guest.send })
      expect(answer.body, answer.text).toEqual({
        success: true,
        isNewUser: false,
        orgId: tenant.orgId,
        role: 'admin',
        signedIn: true,
      })
    }
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner', [guest.userId]: 'admin' })
  })

  it('does not make a user a member again who was removed after accepting', async () => {
    const tenant = await world.tenant()
    const guest = await addPerson(world, tenant, 'stranger')
    const { token } = await invite(tenant, { email: guest.email })
    expect((await accept(token, { send: guest.send })).status).toBe(200)
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}/members/${guest.userId}`)
    expectProblem(acceptInvitation, await accept(token, { send: guest.send }), 'invitation-accepted')
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner' })
  })

  it('refuses a user who is signed in with another address, even if the invited address has no account', async () => {
    const tenant = await world.tenant()
    const [guest, stranger] = [await addPerson(world, tenant, 'stranger'), await addPerson(world, tenant, 'stranger')]
    for (const { token } of [await invite(tenant, { email: guest.email }), await invite(tenant)]) {
      expectProblem(
        acceptInvitation,
        await accept(token, { send: stranger.send, body: { password } }),
        'email-mismatch',
      )
      expect((await world.send(`GET /api/invitations/${token}`)).status).toBe(200)
    }
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner' })
  })

  it('asks a user with an account to sign in first, even if they send a password', async () => {
    const tenant = await world.tenant()
    const guest = await signUp(world)
    const { token } = await invite(tenant, { email: guest.email })
    for (const body of [undefined, { password: guest.password }, { password: 'another password' }]) {
      const answer = await accept(token, body === undefined ? {} : { body })
      expectProblem(acceptInvitation, answer, 'unauthorized')
      expect(answer.body.detail).toContain('sign in')
      expect(answer.headers.getSetCookie()).toEqual([])
    }
  })

  it('requires a password of at least eight characters from a new user, and creates nothing without it', async () => {
    const tenant = await world.tenant()
    const { token, email } = await invite(tenant)
    for (const body of [undefined, {}, { password: '1234567' }, { password, displayName: ' ' }]) {
      const answer = await accept(token, body === undefined ? {} : { body })
      expectProblem(acceptInvitation, answer, 'validation-error')
      expect(['/password', '/displayName']).toContain(answer.body.errors[0].pointer)
    }
    expect(await findUser(email)).toBeUndefined()
    expect((await accept(token, { body: { password } })).status).toBe(200)
  })

  it('does not change the role of a user who is already a member', async () => {
    const tenant = await world.tenant()
    const guest = await addPerson(world, tenant, 'stranger')
    const { token } = await invite(tenant, { email: guest.email, role: 'viewer' })
    await world.platform.db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: guest.userId, role: 'admin' })
      .execute()
    expect((await accept(token, { send: guest.send })).body.role).toBe('admin')
    expect((await rolesIn(world, tenant))[guest.userId]).toBe('admin')
  })

  it('creates one account and one membership if a new user accepts several times concurrently', async () => {
    const tenant = await world.tenant()
    const { token, email } = await invite(tenant)
    const answers = await Promise.all(Array.from({ length: 4 }, () => accept(token, { body: { password } })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410])
    expect(Object.keys(await rolesIn(world, tenant))).toHaveLength(2)
    expect(await findUser(email)).toBeDefined()
  })

  it('creates one membership if a signed-in user accepts several times concurrently', async () => {
    const tenant = await world.tenant()
    const guest = await addPerson(world, tenant, 'stranger')
    const { token } = await invite(tenant, { email: guest.email })
    const answers = await Promise.all(Array.from({ length: 4 }, () => accept(token, { send: guest.send })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await rolesIn(world, tenant)).toEqual({ [tenant.userId]: 'owner', [guest.userId]: 'member' })
  })

  it('creates one account if a new user accepts the invitations of two organizations concurrently', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const email = newEmail()
    const tokens = [(await invite(tenant, { email })).token, (await invite(other, { email })).token]
    const answers = await Promise.all(tokens.map((token) => accept(token, { body: { password } })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    const won = answers.findIndex(({ status }) => status === 200)
    const send = requester(world.url, { cookie: answers[won] === undefined ? '' : cookieOf(answers[won]) })
    expect((await accept(tokens[1 - won] ?? '', { send })).status).toBe(200)
    expect(Object.keys({ ...(await rolesIn(world, tenant)), ...(await rolesIn(world, other)) })).toHaveLength(3)
  })

  it('leaves nothing half done if the organization is deleted at the same time', async () => {
    for (let round = 0; round < 4; round += 1) {
      const tenant = await world.tenant()
      const guest = await addPerson(world, tenant, 'stranger')
      const { token } = await invite(tenant, { email: guest.email })
      const { send } = await tenant.session()
      const [deleted, accepted] = await Promise.all([
        send(`DELETE /api/orgs/${tenant.orgId}`),
        accept(token, { send: guest.send }),
      ])
      expect([
        [204, 200],
        [204, 404],
      ]).toContainEqual([deleted.status, accepted.status])
      if (accepted.status === 404) expectProblem(acceptInvitation, accepted, 'invitation-not-found')
      expect((await guest.send('GET /api/orgs')).body.data).toEqual([])
      await removeAll(world)
      expect(await rolesIn(world, tenant)).toEqual({})
    }
  })

  it('refuses a request from a page of another origin, signed in or not', async () => {
    const tenant = await world.tenant()
    const guest = await addPerson(world, tenant, 'stranger')
    const { token } = await invite(tenant, { email: guest.email })
    for (const headers of [{ cookie: guest.cookie }, undefined]) {
      expectProblem(
        acceptInvitation,
        await accept(token, { send: requester(world.url, { ...headers, origin: 'https://evil.example' }) }),
        'origin-not-allowed',
      )
    }
    expect(
      (await accept(token, { send: requester(world.url, { cookie: guest.cookie, origin: world.url }) })).status,
    ).toBe(200)
  })

  it('answers 404 to an invalid token', async () => {
    expectProblem(acceptInvitation, await accept(newToken(), { body: { password } }), 'invitation-not-found')
  })
})

describe('with a mail server', () => {
  let world: World
  let mailbox: Mailbox
  beforeAll(async () => {
    mailbox = await openMailbox()
    world = await openWorld({ ...options, environment: { SMTP_URL: mailbox.url } })
  })
  afterAll(async () => {
    await world.close()
    await mailbox.close()
  })

  const inviteByMail = async (email = newEmail()) => {
    const tenant = await world.tenant()
    mailbox.mails.splice(0)
    await (await tenant.session()).send(`POST /api/orgs/${tenant.orgId}/invitations`, {
      body: { email, role: 'member' },
    })
    await expect.poll(() => mailbox.mails.length, { timeout: 10_000 }).toBe(1)
    return { email, token: /\/invite\/([\w-]{43})/.exec(mailbox.mails.shift() ?? '')?.[1] ?? 'none' }
  }
  const accept = (token: string) => world.send(`POST /api/invitations/${token}/accept`, { body: { password } })
  const findUser = (email: string) =>
    world.platform.db
      .selectFrom('users')
      .select(['name', 'email_verified'])
      .where('email', '=', email)
      .executeTakeFirst()

  it('marks the address as verified: only the mailbox received the link', async () => {
    const { email, token } = await inviteByMail()
    const answer = await accept(token)
    expect(answer.body, answer.text).toMatchObject({ isNewUser: true, signedIn: true })
    expect(await findUser(email)).toEqual({ name: email, email_verified: true })
  })

  const signUpAs = (email: string, secret: string) =>
    fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Thief', email, password: secret } })
  const signIn = (email: string, secret: string) =>
    fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: secret } })
  const thiefPassword = 'the password of a thief'
  const confirmationIn = async () => {
    await expect.poll(() => mailbox.mails.length, { timeout: 10_000 }).toBe(1)
    const { pathname, search } = new URL(/http:\S+verify-email\S+/.exec(mailbox.mails.shift() ?? '')?.[0] ?? '')
    return `GET ${pathname}${search}`
  }

  it('gives an account that somebody else created with the invited address to the invited person', async () => {
    const { email, token } = await inviteByMail()
    await signUpAs(email, thiefPassword)
    const confirmation = await confirmationIn()
    expect((await world.send(`GET /api/invitations/${token}`)).body.isNewUser).toBe(true)
    const asked = await world.send(`POST /api/invitations/${token}/accept`)
    expectProblem(acceptInvitation, asked, 'validation-error')
    const answer = await accept(token)
    expect(answer.body, answer.text).toMatchObject({ isNewUser: true, signedIn: true })
    expect((await signIn(email, thiefPassword)).status).toBe(401)
    expect((await signIn(email, password)).status).toBe(200)
    expect(await findUser(email)).toEqual({ name: email, email_verified: true })
    expect((await world.send(confirmation)).headers.getSetCookie().join()).not.toContain('session_token=')
  })

  it('does so too if the invited person confirmed the address of that account first', async () => {
    const { email, token } = await inviteByMail()
    await signUpAs(email, thiefPassword)
    const confirmed = await world.send(await confirmationIn())
    const thief = await signIn(email, thiefPassword)
    expect(thief.status, thief.text).toBe(200)
    const send = requester(world.url, { cookie: cookieOf(confirmed) })
    const asked = await send(`POST /api/invitations/${token}/accept`)
    expectProblem(acceptInvitation, asked, 'validation-error')
    const answer = await send(`POST /api/invitations/${token}/accept`, { body: { password } })
    expect(answer.body, answer.text).toMatchObject({ isNewUser: true, signedIn: true })
    expect((await signIn(email, thiefPassword)).status).toBe(401)
    const stolen = requester(world.url, { cookie: cookieOf(thief) })
    expect((await stolen('GET /api/orgs')).status).toBe(401)
    const own = requester(world.url, { cookie: cookieOf(answer) })
    expect((await own('GET /api/orgs')).body.data).toHaveLength(1)
  })

  it('keeps the password of an account whose address was confirmed before the invitation', async () => {
    const email = newEmail()
    mailbox.mails.splice(0)
    await signUpAs(email, thiefPassword)
    const session = cookieOf(await world.send(await confirmationIn()))
    const { token } = await inviteByMail(email)
    expectProblem(acceptInvitation, await accept(token), 'unauthorized')
    const send = requester(world.url, { cookie: session })
    const joined = await send(`POST /api/invitations/${token}/accept`)
    expect(joined.body, joined.text).toMatchObject({ isNewUser: false, signedIn: true })
    expect((await signIn(email, thiefPassword)).status).toBe(200)
  })

  it('creates an account but no session if the link does not prove the address', async () => {
    const { email, token } = await inviteByMail()
    // As if the invitation was created before a mail server was configured, so the link was in the reply.
    await world.platform.db
      .updateTable('invitations')
      .set({ encrypted_token: 'sealed' })
      .where('email', '=', email)
      .execute()
    const answer = await accept(token)
    expect(answer.body, answer.text).toMatchObject({ success: true, isNewUser: true, signedIn: false })
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await findUser(email)).toEqual({ name: email, email_verified: false })
  })
})
