import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listOperations } from '../platform/http/api.ts'
import type { Answer } from '../testing/request.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { openWorld, type World } from '../testing/world.ts'
import { features } from './index.ts'

let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await openWorld({ environment: { APP_URL: 'https://app.example' } })
  tenant = await world.tenant()
})
afterAll(() => world.close())

function expectProtected({ headers, status }: Pick<Answer, 'headers' | 'status'>, what: string): void {
  const found = Object.fromEntries(headers)
  expect(found, `${what} → ${status}`).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('camera=()'),
    'strict-transport-security': expect.stringMatching(/^max-age=\d{7,}$/),
  })
  const policy = found['content-security-policy'] ?? ''
  expect(policy, what).toMatch(/^default-src '(?:none|self)'/)
  expect(policy, what).not.toMatch(/script-src[^;]*'unsafe-inline'|unsafe-eval/)
  const isPage = found['content-type']?.startsWith('text/html') === true
  if (isPage) expect(policy, what).toMatch(/frame-ancestors '(?:none|self)'|; sandbox$/)
  else if (!what.includes('/api/docs')) expect(policy, what).toMatch(/^default-src 'none'/)
}

const routes = listOperations(features).map(({ endpoint }) =>
  endpoint.route.replaceAll(/:\w+/g, 'x').replace('*', 'error'),
)

describe('the headers that protect browsers', () => {
  it('are on the reply of every route to a stranger', async () => {
    await Promise.all(routes.map(async (route) => expectProtected(await world.send(route), route)))
  })

  it('are on the reply of every route that reads, to an API key', async () => {
    const reading = routes.filter((route) => route.startsWith('GET /') && !route.includes('/realtime/'))
    await Promise.all(reading.map(async (route) => expectProtected(await tenant.send(route), route)))
  })

  it.each([
    ...['GET /api/docs', 'GET /api/docs/', 'HEAD /api/docs', 'GET /api/docs/static/swagger-ui.css'],
    ...['GET /api/openapi.json', 'GET /nothing', 'GET /api/nothing', 'DELETE /health', 'OPTIONS /api/runs'],
    ...['GET /api/%zz', 'GET /%', `GET /api/runs/${'x'.repeat(600)}`, 'GET /api/docs/static/nothing'],
    ...['GET /api/auth/error?error=x', 'GET /api/auth/reset-password/token?callbackURL=%2F', 'GET /invite/token'],
  ])('are on every other reply: %s', async (route) => expectProtected(await world.send(route), route))

  it('are on a preflight, a stream and a download', async () => {
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    expectProtected(await world.send('OPTIONS /api/runs', { headers: preflight }), 'a preflight')
    const stream = await fetch(`${world.url}/api/realtime/runs?token=${tenant.apiKey}`)
    expectProtected({ status: stream.status, headers: stream.headers }, 'a stream')
    await stream.body?.cancel()
    const form = new FormData()
    form.append('file', new File(['<script>alert(1)</script>'], 'x.html', { type: 'text/html' }))
    const uploaded = await tenant.send('POST /api/files', { rawBody: form })
    expect(uploaded.status).toBe(201)
    const download = await tenant.send(`GET /api/files/${uploaded.body.id}/content`)
    expectProtected(download, 'a download')
    expect(download.headers.get('content-security-policy')).toContain('sandbox')
  })

  it('let the pages load what they contain', async () => {
    for (const route of ['GET /', 'GET /invite/token']) {
      const policy = (await world.send(route)).headers.get('content-security-policy')
      expect(policy).toMatch(/script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/)
    }
  })
})
