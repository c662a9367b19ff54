import { createServer, type Server as HttpServer } from 'node:http'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Body } from '../client.ts'
import { describeInBrowser, patienceMs } from './browser.ts'
import { startServer, type Server } from './server.ts'

describeInBrowser('a page of another origin', (visit) => {
  let server: Server
  let stranger: HttpServer
  beforeAll(async () => {
    server = await startServer()
    stranger = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>Elsewhere</title>'),
    )
    await new Promise<void>((resolve) => stranger.listen(0, resolve))
  }, 120_000)
  afterAll(async () => {
    await server.remove()
    stranger.closeAllConnections()
    stranger.close()
  })

  /** Signs the owner in, in this browser, and opens a page of the other origin. */
  const lure = async (page: Page, host: string) => {
    await page.goto(server.instance.url)
    const { email, password } = server.firstRun
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
    const address = stranger.address()
    if (address === null || typeof address === 'string') throw new Error('The stranger does not listen on a port.')
    await page.goto(`http://${host}:${address.port}/`)
  }

  /** Sends a request with the cookie; returns whether the page's script can read the reply. */
  const tries = (
    page: Page,
    path: string,
    options: { method: string; headers?: Record<string, string>; body?: string },
  ): Promise<string> =>
    page.evaluate(
      ({ address, init }) =>
        fetch(address, { ...init, credentials: 'include' }).then(
          (response) => `answered ${response.status}`,
          () => 'refused by the browser',
        ),
      { address: `${server.instance.url}${path}`, init: options },
    )

  /** The names of the owner's organizations and the ids of the sessions, read in a tab of the server's origin. */
  const state = async (context: BrowserContext): Promise<Body> => {
    const page = await context.newPage()
    await page.goto(server.instance.url)
    const found: Body = await page.evaluate(async () => {
      const ask = async (path: string) => (await fetch(path)).json()
      return { orgs: await ask('/api/orgs'), sessions: await ask('/api/profile/sessions') }
    })
    await page.close()
    return {
      orgs: found.orgs.data.map(({ name }: Body) => name),
      sessions: found.sessions.data.map(({ id }: Body) => id),
    }
  }

  // A browser also sends the cookie from another port of the same host: only the server can refuse that request.
  it.each(['localhost', '127.0.0.1'])(
    'on %s reads nothing and changes nothing with the cookie of a signed-in person',
    async (host) => {
      const { page, context } = visit()
      await lure(page, host)
      const before = await state(context)
      const json = { 'content-type': 'application/json' }
      for (const path of ['/api/profile', '/api/orgs', '/api/auth/get-session'])
        expect(await tries(page, path, { method: 'GET' }), path).toBe('refused by the browser')
      for (const [method, path] of [
        ['POST', '/api/orgs'],
        ['PATCH', '/api/profile'],
        ['DELETE', `/api/orgs/${server.firstRun.orgId}`],
      ] as const) {
        expect(
          await tries(page, path, { method, headers: json, body: '{"name": "Stolen"}' }),
          `${method} ${path}`,
        ).toBe('refused by the browser')
      }
      // Without a preflight: a form could send this request too.
      for (const path of [
        '/api/orgs',
        '/api/profile/sessions/revoke-others',
        '/api/auth/sign-out',
        `/api/orgs/${server.firstRun.orgId}/leave`,
      ]) {
        expect(
          await tries(page, path, {
            method: 'POST',
            headers: { 'content-type': 'text/plain' },
            body: '{"name": "Stolen"}',
          }),
          path,
        ).toBe('refused by the browser')
      }
      expect(await state(context)).toEqual(before)
    },
  )

  it.each(['localhost', '127.0.0.1'])('on %s opens no stream with the cookie of a signed-in person', async (host) => {
    const { page } = visit()
    await lure(page, host)
    const { orgId, appId } = server.firstRun
    const outcome = await page.evaluate(
      (address) =>
        new Promise((resolve) => {
          const source = new EventSource(address, { withCredentials: true })
          source.onopen = () => resolve('open')
          source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? 'refused' : 'tries again')
        }),
      `${server.instance.url}/api/realtime/runs?orgId=${orgId}&appId=${appId}`,
    )
    expect(outcome).toBe('refused')
  })

  it.each([
    ['/api/orgs', 'text/plain'],
    ['/api/profile/sessions/revoke-others', 'application/x-www-form-urlencoded'],
    ['/api/auth/sign-out', 'multipart/form-data'],
  ])('that sends a form to %s as %s is refused, and nothing happens', async (path, enctype) => {
    const { page, context } = visit()
    await lure(page, 'localhost')
    const before = await state(context)
    const sent = page.waitForResponse((response) => response.url().endsWith(path))
    // As text/plain the field becomes {"name": "Stolen", "x": "="}.
    await page.evaluate(`{
      const [form, field] = [document.createElement('form'), document.createElement('input')]
      Object.assign(form, { method: 'post', action: '${server.instance.url}${path}', enctype: '${enctype}' })
      Object.assign(field, { type: 'hidden', name: '{"name": "Stolen", "x": "', value: '"}' })
      form.append(field)
      document.body.append(form)
      form.submit()
    }`)
    const answer = await sent
    expect((await answer.request().allHeaders())['cookie'], 'the browser sends the session cookie').toContain(
      'session_token',
    )
    expect([403, 415]).toContain(answer.status())
    expect(await state(context)).toEqual(before)
  })

  it('cannot show pages of the server in a frame', async () => {
    const { page, seen } = visit()
    await lure(page, 'localhost')
    for (const path of ['/', '/api/docs', '/invite/x']) {
      const refused = seen.errors.length
      await page.evaluate(`{
        const frame = document.createElement('iframe')
        frame.src = '${server.instance.url}${path}'
        document.body.append(frame)
      }`)
      await expect.poll(() => seen.errors.slice(refused).join('\n'), { timeout: patienceMs }).toMatch(/frame-ancestors/)
    }
  })
})
