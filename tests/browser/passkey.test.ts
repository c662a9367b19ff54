import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Body } from '../client.ts'
import { describeInBrowser, type Visitor } from './browser.ts'
import { startServer, type Server } from './server.ts'

describeInBrowser('passkeys with an authenticator of the browser', (visit) => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  }, 120_000)
  afterAll(() => server.remove())

  it('a user registers a passkey, signs in with it, and removes it', async () => {
    const { page, context } = visit()
    const { email, password } = server.firstRun
    const authenticator = await addAuthenticator(visit())
    await page.goto(server.instance.url)
    expect((await call(page, 'sign-in/email', { email, password })).status).toBe(200)
    const registered = await register(page)
    expect(registered.status, JSON.stringify(registered.body)).toBe(200)
    expect(registered.body).toMatchObject({ name: 'Laptop' })
    expect((await call(page, 'sign-out', {})).status).toBe(200)
    expect((await call(page, 'get-session')).body).toBeNull()
    const signedIn = await signIn(page)
    expect(signedIn.status, JSON.stringify(signedIn.body)).toBe(200)
    expect((await call(page, 'get-session')).body.user.email).toBe(email)
    expect((await call(page, 'passkey/delete-passkey', { id: registered.body.id })).status).toBe(200)
    await context.clearCookies()
    expect((await signIn(page)).status).toBe(401)
    await authenticator.remove()
  })

  it('a passkey whose user was not verified signs nobody in', async () => {
    const { page, context } = visit()
    const { email, password } = server.firstRun
    const authenticator = await addAuthenticator(visit())
    await page.goto(server.instance.url)
    await call(page, 'sign-in/email', { email, password })
    expect((await register(page)).status).toBe(200)
    await context.clearCookies()
    await authenticator.refuseUser()
    expect(await signIn(page).catch((error: unknown) => String(error))).toContain('NotAllowedError')
    expect((await call(page, 'get-session')).body).toBeNull()
    await authenticator.remove()
  })
})

/** A platform authenticator in the browser that verifies its user without asking. */
async function addAuthenticator({ context, page }: Visitor) {
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    refuseUser: () => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false }),
    remove: () => devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
  }
}

/** Requests from the page: a GET without a body. */
function call(page: Page, path: string, body?: object): Promise<{ status: number; body: Body }> {
  return page.evaluate(
    async ([target, text]) => {
      const answer = await fetch(`/api/auth/${target}`, {
        method: text === null ? 'GET' : 'POST',
        ...(text === null ? {} : { body: text, headers: { 'content-type': 'application/json' } }),
      })
      return { status: answer.status, body: await answer.json() }
    },
    [path, body === undefined ? null : JSON.stringify(body)] as const,
  )
}

async function register(page: Page) {
  const { body } = await call(page, 'passkey/generate-register-options')
  const response = await credential(page, 'create', body)
  return call(page, 'passkey/verify-registration', { response, name: 'Laptop' })
}

async function signIn(page: Page) {
  const { body } = await call(page, 'passkey/generate-authenticate-options')
  return call(page, 'passkey/verify-authentication', { response: await credential(page, 'get', body) })
}

/** The browser's answer to the server's options. A script as text, because the tests have no types of browsers. */
async function credential(page: Page, ceremony: 'create' | 'get', options: object): Promise<Body> {
  const parse = ceremony === 'create' ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON'
  const text = await page.evaluate<string>(`(async () => {
    const publicKey = PublicKeyCredential.${parse}(${JSON.stringify(options)})
    return JSON.stringify(await navigator.credentials.${ceremony}({ publicKey }))
  })()`)
  return JSON.parse(text)
}
