// own-process: one of its tests stands in for GitHub by replacing the process's `fetch`.
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { cookieOf, fromOurPage, signUp } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openMailbox } from '../../../platform/mail/testing/mailbox.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { invite } from '../invitations/testing/invited.ts'

const github = { GITHUB_CLIENT_ID: 'id', GITHUB_CLIENT_SECRET: 'secret' }
const password = 'correct horse battery'

describe('the ways into a closed instance', () => {
  let world: World
  let tenant: Tenant
  const realFetch = globalThis.fetch
  afterEach(async () => {
    globalThis.fetch = realFetch
    await world.close()
  })

  const open = async (environment: Readonly<Record<string, string>>) => {
    world = await openWorld({ environment: { ...github, ...environment } })
    tenant = await world.tenant()
  }
  const newAddress = (domain = 'example.com') => `person-${randomBytes(6).toString('hex')}@${domain}`
  const byEmail = (email: string) =>
    fromOurPage(world)('POST /api/auth/sign-up/email', { body: { name: 'Ada', email, password } })
  const hasUser = async (email: string) =>
    (await world.platform.db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirst()) !==
    undefined

  /** Signs in with GitHub, which says that the person has the address; returns where the browser is sent. */
  const byGithub = async (email: string, verified = true): Promise<URL> => {
    globalThis.fetch = async (input, init) => {
      const { hostname, pathname } = new URL(input instanceof Request ? input.url : input)
      if (!hostname.endsWith('github.com')) return realFetch(input, init)
      if (pathname.endsWith('/access_token')) return Response.json({ access_token: 'token', token_type: 'bearer' })
      if (pathname.endsWith('/emails')) return Response.json([{ email, primary: true, verified }])
      return Response.json({ id: email, login: 'ada', name: 'Ada', email, avatar_url: null })
    }
    const started = await fromOurPage(world)('POST /api/auth/sign-in/social', {
      body: { provider: 'github', callbackURL: '/done' },
    })
    const state = new URL(started.body.url).searchParams.get('state') ?? ''
    const back = await world.send('GET /api/auth/callback/github', {
      query: { code: 'code', state },
      headers: { cookie: cookieOf(started) },
    })
    expect(back.status, back.text).toBe(302)
    return new URL(back.headers.get('location') ?? '', 'http://localhost')
  }

  const accept = async (email: string) => {
    const { token } = await invite(tenant, { email })
    return fromOurPage(world)(`POST /api/invitations/${token}/accept`, { body: { password } })
  }

  it('are all open by default', async () => {
    await open({})
    const [email, github] = [newAddress(), newAddress()]
    expect((await byEmail(email)).status).toBe(200)
    expect((await byGithub(github)).pathname).toBe('/done')
    expect(await hasUser(github)).toBe(true)
    expect((await accept(newAddress())).body).toMatchObject({ isNewUser: true, signedIn: true })
  })

  it('lead in only those who are invited with SIGN_UP=invited, with exactly that address', async () => {
    await open({ SIGN_UP: 'invited', SIGN_UP_DOMAINS: 'example.com' })
    const [stranger, invited] = [newAddress(), newAddress('elsewhere.example')]
    const expired = await invite(tenant)
    await world.platform.db
      .updateTable('invitations')
      .set({ expires_at: new Date(0) })
      .execute()
    const cancelled = await invite(tenant)
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}/invitations/${cancelled.id}`)
    await invite(tenant, { email: invited })
    for (const email of [stranger, `x${invited}`, invited.replace('@', '+tag@'), expired.email, cancelled.email]) {
      expectProblem(undefined, await byEmail(email), 'sign-up-closed')
      expect((await byGithub(email)).searchParams.get('error')).toBe('SIGN_UP_CLOSED')
      expect(await hasUser(email)).toBe(false)
    }
    // Without a mail server, nothing shows that the person has the invited address.
    const refused = await byEmail(invited.toUpperCase())
    expectProblem(undefined, refused, 'sign-up-closed')
    expect(refused.body.detail).toContain('open the link of your invitation')
    expect(await hasUser(invited)).toBe(false)
    const unverified = newAddress()
    await invite(tenant, { email: unverified })
    expect((await byGithub(unverified, false)).searchParams.get('error')).toBe('INVITATION_LINK_REQUIRED')
    const second = newAddress()
    await invite(tenant, { email: second })
    expect((await byGithub(second)).pathname).toBe('/done')
    expect((await accept(newAddress('elsewhere.example'))).body).toMatchObject({ isNewUser: true })
  })

  it('let an invited person sign up with SIGN_UP=invited and a mail server, who confirms the address', async () => {
    const mailbox = await openMailbox()
    await open({ SIGN_UP: 'invited', SMTP_URL: mailbox.url })
    const email = newAddress()
    await (await tenant.session()).send(`POST /api/orgs/${tenant.orgId}/invitations`, {
      body: { email, role: 'member' },
    })
    const signedUp = await byEmail(email)
    expect([signedUp.status, signedUp.body.token]).toEqual([200, null])
    expectProblem(undefined, await byEmail(newAddress()), 'sign-up-closed')
    await mailbox.close()
  })

  it('ignore the invitations of a suspended or deleted organization', async () => {
    await open({ SIGN_UP: 'invited' })
    const administrator = await (await world.tenant()).administrate()
    const { email } = await invite(tenant)
    const suspension = { body: { reason: 'Unpaid.' } }
    await administrator.send(`POST /api/admin/orgs/${tenant.orgId}/suspend`, suspension)
    expectProblem(undefined, await byEmail(email), 'sign-up-closed')
    await administrator.send(`POST /api/admin/orgs/${tenant.orgId}/resume`)
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}`)
    expectProblem(undefined, await byEmail(email), 'sign-up-closed')
  })

  it('are all closed with SIGN_UP=off, invitations too, except that an administrator adds users', async () => {
    await open({ SIGN_UP: 'off' })
    const email = newAddress()
    expectProblem(undefined, await byEmail(email), 'sign-up-closed')
    expect((await byGithub(email)).searchParams.get('error')).toBe('SIGN_UP_CLOSED')
    expectProblem(undefined, await accept(email), 'sign-up-closed')
    expect(await hasUser(email)).toBe(false)
    const { send } = await tenant.administrate()
    const { passwordLink } = (await send('POST /api/admin/users', { body: { email } })).body
    const token = new URL(passwordLink).pathname.split('/').at(-1)
    const fromPage = fromOurPage(world)
    const set = await fromPage('POST /api/auth/reset-password', { body: { token, newPassword: password } })
    expect(set.status, set.text).toBe(200)
    const signedIn = await fromPage('POST /api/auth/sign-in/email', { body: { email, password } })
    expect(signedIn.status, signedIn.text).toBe(200)
    // The account exists now, so the invitation is no way to create one.
    const { token: invitation } = await invite(tenant, { email })
    const joined = await fromPage(`POST /api/invitations/${invitation}/accept`, {
      body: {},
      headers: { cookie: cookieOf(signedIn) },
    })
    expect(joined.body).toMatchObject({ isNewUser: false, orgId: tenant.orgId })
  })

  it('let existing accounts sign in, by password and GitHub', async () => {
    await open({ SIGN_UP: 'off', SIGN_UP_DOMAINS: 'allowed.example' })
    const { send } = await tenant.administrate()
    const email = newAddress()
    const { passwordLink } = (await send('POST /api/admin/users', { body: { email } })).body
    const token = new URL(passwordLink).pathname.split('/').at(-1)
    await fromOurPage(world)('POST /api/auth/reset-password', { body: { token, newPassword: password } })
    expect((await byGithub(email)).pathname).toBe('/done')
    const again = await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password } })
    expect(again.status, again.text).toBe(200)
  })

  it('take only addresses of SIGN_UP_DOMAINS, unless an organization invites the person', async () => {
    await open({ SIGN_UP_DOMAINS: 'allowed.example, *.wide.example' })
    for (const domain of ['allowed.example', 'a.wide.example'])
      expect((await byEmail(newAddress(domain))).status).toBe(200)
    for (const domain of ['example.com', 'a.allowed.example', 'wide.example']) {
      const email = newAddress(domain)
      expectProblem(undefined, await byEmail(email), 'email-domain-refused')
      expect((await byGithub(email)).searchParams.get('error')).toBe('EMAIL_DOMAIN_REFUSED')
      expect(await hasUser(email)).toBe(false)
    }
    const { email } = await invite(tenant)
    expect((await byEmail(email)).status).toBe(200)
    expect((await accept(newAddress())).body).toMatchObject({ isNewUser: true })
  })

  it('do not include a change to an address of another domain', async () => {
    await open({ SIGN_UP_DOMAINS: 'allowed.example' })
    const user = await signUp(world, { email: newAddress('allowed.example') })
    const change = (newEmail: string) => user.send('POST /api/auth/change-email', { body: { newEmail } })
    // The reply does not tell whether the address has an account.
    for (const email of [newAddress(), `${tenant.slug}@example.com`])
      expectProblem(undefined, await change(email), 'email-domain-refused')
    expect(await hasUser(user.email)).toBe(true)
    const next = newAddress('allowed.example')
    expect((await change(next)).status).toBe(200)
    expect(await hasUser(next)).toBe(true)
  })

  it.each(['invited', 'off'])('answer the same for known and unknown addresses with SIGN_UP=%s', async (mode) => {
    await open({ SIGN_UP: mode })
    const plain = async (email: string) => {
      const { requestId: _, ...body } = (await byEmail(email)).body
      return body
    }
    const known = await plain(`${tenant.slug}@example.com`)
    expect(known.status).toBe(403)
    expect(known).toEqual(await plain(newAddress()))
    expect(JSON.stringify(known)).not.toContain(tenant.slug)
  })

  it('are refused by SIGN_UP_DOMAINS in the same words for known and unknown addresses', async () => {
    await open({ SIGN_UP_DOMAINS: 'allowed.example' })
    const texts = [`${tenant.slug}@example.com`, newAddress()].map(async (email) => (await byEmail(email)).body.detail)
    const [known, unknown] = await Promise.all(texts)
    expect(known).toBe(unknown)
  })

  it('leave organizations to administrators with ORG_CREATION=admins', async () => {
    await open({ ORG_CREATION: 'admins' })
    const user = await signUp(world)
    expectProblem(undefined, await user.send('POST /api/orgs', { body: { name: 'Mine' } }), 'administrator-required')
    const { send } = await tenant.administrate()
    expect((await send('POST /api/orgs', { body: { name: 'Ours' } })).status).toBe(201)
  })
})
