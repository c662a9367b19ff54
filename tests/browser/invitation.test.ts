import type { Page } from 'playwright-core'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Body } from '../client.ts'
import { signIn } from '../journeys.ts'
import { describeInBrowser, strays } from './browser.ts'
import { startServer, type Server } from './server.ts'

const password = 'correct horse battery'

describeInBrowser("an invitation's link", (visit) => {
  let server: Server
  let owner: Record<string, string>
  beforeAll(async () => {
    server = await startServer()
    owner = await signIn(server.instance.url, server.firstRun)
  }, 120_000)
  afterAll(() => server.remove())

  let people = 0
  const newEmail = () => `guest-${Date.now()}-${(people += 1)}@example.com`

  const asOwner = async (method: string, path: string, body?: object): Promise<Body> => {
    const options =
      body === undefined
        ? { headers: owner }
        : { headers: { ...owner, 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(`${server.instance.url}/api/orgs/${server.firstRun.orgId}${path}`, {
      method,
      ...options,
    })
    if (!response.ok) throw new Error(await response.text())
    return response.status === 204 ? undefined : response.json()
  }
  const invite = (email: string, role = 'member') => asOwner('POST', '/invitations', { email, role })
  const roleOf = async (email: string): Promise<string | undefined> =>
    (await asOwner('GET', '/members?pageSize=100')).data.find((member: Body) => member.email === email)?.role

  const signUp = async (email: string) => {
    const headers = { 'content-type': 'application/json', origin: server.instance.url }
    const response = await fetch(`${server.instance.url}/api/auth/sign-up/email`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'Guest', email, password }),
    })
    if (!response.ok) throw new Error(await response.text())
  }
  // Signs in from another page of the same browser, without the script of the invitation page.
  const signInHere = async (page: Page, email: string) => {
    await page.goto(server.instance.url)
    const status = await page.evaluate(
      async (credentials) =>
        (
          await fetch('/api/auth/sign-in/email', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(credentials),
          })
        ).status,
      { email, password },
    )
    expect(status).toBe(200)
  }
  const says = (page: Page, words: string | RegExp) => page.getByRole('status').filter({ hasText: words }).waitFor()
  const join = (page: Page) => page.getByRole('button', { name: 'Join' }).click()
  /** The signed-in visitor's own data and organizations, as the API returns them. */
  const whoAmI = async (page: Page): Promise<Body> =>
    page.evaluate(async () => ({
      profile: await (await fetch('/api/profile')).json(),
      orgs: await (await fetch('/api/orgs')).json(),
    }))

  it('makes a new person a member, with an account and a session', async () => {
    const { page, seen } = visit()
    const email = newEmail()
    const { link } = await invite(email, 'viewer')
    await page.goto(link)
    await says(page, `invites ${email} to join`)
    await says(page, 'in the role viewer')
    await page.getByLabel('Your name').fill('Ada Lovelace')
    await page.getByLabel('Password').fill(password)
    await join(page)
    await says(page, 'You are a member of')
    await page.getByRole('button', { name: 'Join' }).waitFor({ state: 'hidden' })
    const me = await whoAmI(page)
    expect(me.profile).toMatchObject({ email, displayName: 'Ada Lovelace' })
    expect(me.orgs.data.map(({ id, role }: Body) => [id, role])).toEqual([[server.firstRun.orgId, 'viewer']])
    expect(await roleOf(email)).toBe('viewer')
    expect(strays(seen.requests, server.instance.url)).toEqual([])
    expect(seen.errors).toEqual([])
  })

  it('refuses a password that is too short, and accepts a longer one', async () => {
    const { page, seen } = visit()
    const email = newEmail()
    await page.goto((await invite(email)).link)
    await page.getByLabel('Password').fill('short')
    await join(page)
    expect(await page.getByLabel('Password').evaluate((input) => input.matches(':invalid'))).toBe(true)
    expect(seen.requests.filter((request) => request.endsWith('/accept'))).toEqual([])
    await page.getByLabel('Password').fill(password)
    await join(page)
    await says(page, 'You are a member of')
    expect(await roleOf(email)).toBe('member')
  })

  it('asks a person with an account for the password, and says when it is wrong', async () => {
    const { page } = visit()
    const email = newEmail()
    await signUp(email)
    await page.goto((await invite(email, 'admin')).link)
    await says(page, 'Sign in with the password of your account.')
    expect(await page.getByLabel('Your name').isVisible()).toBe(false)
    await page.getByLabel('Password').fill('not the password')
    await join(page)
    await says(page, /password/i)
    expect(await roleOf(email)).toBeUndefined()
    await page.getByLabel('Password').fill(password)
    await join(page)
    await says(page, 'You are a member of')
    expect(await roleOf(email)).toBe('admin')
  })

  it('needs one click from a signed-in person', async () => {
    const { page, seen } = visit()
    const email = newEmail()
    await signUp(email)
    await signInHere(page, email)
    await page.goto((await invite(email)).link)
    await says(page, `invites ${email} to join`)
    expect(await page.getByLabel('Password').isVisible()).toBe(false)
    await join(page)
    await says(page, 'You are a member of')
    expect(await roleOf(email)).toBe('member')
    expect(seen.errors).toEqual([])
  })

  it('asks a person who is signed in with another address to sign out first', async () => {
    const { page } = visit()
    const other = newEmail()
    await signUp(other)
    await signInHere(page, other)
    await page.goto((await invite(newEmail())).link)
    await says(page, `You are signed in as ${other}: sign out first.`)
    expect(await page.getByRole('button', { name: 'Join' }).isVisible()).toBe(false)
  })

  it.each([
    [
      'is wrong',
      async (link: string) => link.replace(/.{4}$/, (end) => (end === 'AAAA' ? 'BBBB' : 'AAAA')),
      /no invitation|not found|does not exist/i,
    ],
    [
      'was cancelled',
      async (link: string, { id }: Body) => asOwner('DELETE', `/invitations/${id}`).then(() => link),
      /cancelled/,
    ],
    [
      'was replaced by a newer one',
      async (link: string, { email }: Body) => invite(email).then(() => link),
      /replaced by a newer one/,
    ],
    [
      'was sent again with another link',
      async (link: string, { id }: Body) => asOwner('POST', `/invitations/${id}/resend`).then(() => link),
      /no invitation|not found|does not exist/i,
    ],
    ['has expired', async (link: string, { email }: Body) => expire(email).then(() => link), /expired/i],
    ['was used', async (link: string) => accept(link).then(() => link), /accepted|used/i],
  ])('which %s says so, and offers nothing to join', async (_what, spoil, words) => {
    const { page } = visit()
    const invitation = await invite(newEmail())
    await page.goto(await spoil(invitation.link, invitation))
    await says(page, words)
    expect(await page.getByRole('button', { name: 'Join' }).isVisible()).toBe(false)
  })

  // The clock of the server cannot be set, so the invitation's expiry is changed instead.
  const expire = async (email: string) => {
    const client = new pg.Client({ connectionString: server.database.connectionString })
    await client.connect()
    const { rowCount } = await client.query(
      "update invitations set expires_at = now() - interval '1 minute' where email = $1",
      [email],
    )
    await client.end()
    expect(rowCount).toBe(1)
  }
  const accept = async (link: string) => {
    const response = await fetch(`${link.replace('/invite/', '/api/invitations/')}/accept`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ password }),
    })
    expect(response.status).toBe(200)
  }
})
