import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newWireId } from '../ids/id.ts'
import { makeToys } from './testing/toys.ts'
import { signInFeature, signUp } from './testing/sign-in.ts'

let world: World
beforeAll(async () => {
  const own = features.filter((feature) => feature !== signInFeature)
  const environment = {
    GOOGLE_CLIENT_ID: 'g',
    GOOGLE_CLIENT_SECRET: 's',
    GITHUB_CLIENT_ID: 'g',
    GITHUB_CLIENT_SECRET: 's',
  }
  world = await openWorld({ features: [...own, signInFeature, makeToys().feature], environment })
})
afterAll(() => world.close())

describe('Base URL', () => {
  it('"All requests are relative to the /api root of your instance"', async () => {
    const tenant = await world.tenant()
    expect((await tenant.send('GET /api/toys')).status).toBe(200)
    expect((await tenant.send('GET /toys')).status).toBe(404)
  })

  it(
    '"The OpenAPI specification is publicly available (no authentication required)": ' +
      '"JSON: GET /api/openapi.json"',
    async () => {
      const { status, body, headers } = await world.send('GET /api/openapi.json')
      expect(status).toBe(200)
      expect(headers.get('content-type')).toMatch(/^application\/json/)
      expect(body).toMatchObject({ openapi: '3.1.0', paths: { '/api/toys': { get: { operationId: 'listToys' } } } })
    },
  )

  it('"Swagger UI: GET /api/docs"', async () => {
    const { status, text } = await world.send('GET /api/docs')
    expect(status).toBe(200)
    expect(text).toContain('swagger-ui')
  })
})

describe('Authentication', () => {
  it('"Authentication relies on Better Auth with email/password"', async () => {
    const { userId, send } = await signUp(world)
    expect((await send('POST /api/user-toys')).body).toEqual({ userId })
    const stranger = await world.send('POST /api/user-toys')
    expectProblem(undefined, stranger, 'unauthorized')
    expect(stranger.headers.get('www-authenticate')).toBe('Bearer realm="Appstrate"')
  })

  it.each([
    ['google', 'https://accounts.google.com/'],
    ['github', 'https://github.com/'],
  ])('"and optional social login (Google, GitHub)": %s', async (provider, start) => {
    const origin = { origin: 'http://localhost:0' }
    const { status, body, text } = await world.send('POST /api/auth/sign-in/social', {
      body: { provider, disableRedirect: true },
      headers: origin,
    })
    expect(status, text).toBe(200)
    expect(body.url).toContain(start)
  })

  it('"The session cookie is sent automatically by the browser": HttpOnly, whole site, not cross-site', async () => {
    const body = {
      name: 'Eve',
      email: `${randomBytes(6).toString('hex')}@example.com`,
      password: 'correct horse battery',
    }
    const { headers } = await world.send('POST /api/auth/sign-up/email', {
      body,
      headers: { origin: 'http://localhost:0' },
    })
    const cookie = headers.getSetCookie().find((header) => header.startsWith('better-auth.session_token=')) ?? ''
    expect(cookie).toMatch(/; Path=\/(;|$)/)
    expect(cookie).toMatch(/; HttpOnly(;|$)/)
    expect(cookie).toMatch(/; SameSite=Lax(;|$)/i)
  })

  it('"For organization-scoped routes, include the X-Org-Id header"', async () => {
    const tenant = await world.tenant()
    const { send } = await signUp(world, tenant)
    const answer = await send('GET /api/organization-toys', { headers: { 'x-org-id': tenant.orgId } })
    expect(answer.body, answer.text).toEqual({ organizationId: tenant.organizationId })
    expectProblem(undefined, await send('GET /api/organization-toys'), 'missing-org-id')
    const stranger = await world.tenant()
    expectProblem(
      undefined,
      await send('GET /api/organization-toys', { headers: { 'x-org-id': stranger.orgId } }),
      'org-not-found',
    )
    expectProblem(
      undefined,
      await send('GET /api/organization-toys', { headers: { 'x-org-id': 'nonsense' } }),
      'org-not-found',
    )
  })

  it('refuses the cookie when a page of another site sends it, and accepts it from its own page', async () => {
    const { send } = await signUp(world)
    expectProblem(
      undefined,
      await send('POST /api/user-toys', { headers: { origin: 'https://evil.example' } }),
      'origin-not-allowed',
    )
    expectProblem(undefined, await send('POST /api/user-toys', { headers: { origin: 'null' } }), 'origin-not-allowed')
    expect((await send('POST /api/user-toys', { headers: { origin: world.url } })).status).toBe(200)
  })
})

describe('API key', () => {
  it('"API keys use the ask_ prefix and are scoped to an application"', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    expect(tenant.apiKey).toMatch(/^ask_/)
    const scope = { organizationId: tenant.organizationId, applicationId: tenant.applicationId, endUserId: null }
    expect((await tenant.send('GET /api/application-toys')).body).toEqual(scope)
    expectProblem(
      undefined,
      await tenant.send('GET /api/application-toys', { headers: { 'x-app-id': other.appId } }),
      'app-mismatch',
    )
    expectProblem(
      undefined,
      await tenant.send('GET /api/application-toys', { headers: { 'x-org-id': other.orgId } }),
      'org-mismatch',
    )
    expectProblem(
      undefined,
      await tenant.send('GET /api/organization-toys', { headers: { 'x-org-id': other.orgId } }),
      'org-mismatch',
    )
    expectProblem(undefined, await tenant.send(`GET /api/member-toys/${other.orgId}`), 'org-not-found')
    expectProblem(undefined, await tenant.send('POST /api/user-toys'), 'session-required')
  })

  it('accepts `Bearer` in any letter case, and no other scheme', async () => {
    const { apiKey, appId } = await world.tenant()
    const send = (authorization: string) =>
      world.send('GET /api/application-toys', { headers: { authorization, 'x-app-id': appId } })
    expect((await send(`bearer ${apiKey}`)).status).toBe(200)
    for (const wrong of [
      `Basic ${apiKey}`,
      apiKey,
      'Bearer',
      'Bearer ',
      `Bearer ${apiKey} x`,
      `Bearer ${apiKey.slice(0, -1)}`,
    ]) {
      expectProblem(undefined, await send(wrong), 'unauthorized')
    }
  })

  it('never falls back to the cookie when the key in the same request is wrong', async () => {
    const tenant = await world.tenant()
    const { send } = await signUp(world, tenant)
    const headers = { authorization: `Bearer ask_${'0'.repeat(48)}`, 'x-app-id': tenant.appId }
    expectProblem(undefined, await send('GET /api/application-toys', { headers }), 'unauthorized')
  })

  it('refuses an expired and a revoked key', async () => {
    const tenant = await world.tenant()
    const expired = await tenant.key({ expiresAt: new Date(Date.now() - 1000) })
    expectProblem(undefined, await expired.send('GET /api/application-toys'), 'unauthorized')
    const revoked = await tenant.key()
    expect((await revoked.send('GET /api/application-toys')).status).toBe(200)
    await world.platform.db
      .updateTable('api_keys')
      .set({ revoked_at: new Date() })
      .where('application_id', '=', tenant.applicationId)
      .execute()
    world.platform.wake.wake('keys', '*')
    expectProblem(undefined, await revoked.send('GET /api/application-toys'), 'unauthorized')
  })

  it('"The X-App-Id header is required for application-scoped routes", for a session as well', async () => {
    const tenant = await world.tenant()
    const { send } = await signUp(world, tenant)
    expectProblem(
      undefined,
      await tenant.send('GET /api/application-toys', { headers: { 'x-app-id': '' } }),
      'missing-app-id',
    )
    expectProblem(undefined, await send('GET /api/application-toys'), 'missing-app-id')
    expect((await send('GET /api/application-toys', { headers: { 'x-app-id': tenant.appId } })).status).toBe(200)
    expect(
      (await send('GET /api/application-toys', { headers: { 'x-app-id': tenant.appId, 'x-org-id': tenant.orgId } }))
        .status,
    ).toBe(200)
    const other = await world.tenant()
    for (const headers of [
      { 'x-app-id': other.appId },
      { 'x-app-id': 'app_1' },
      { 'x-app-id': tenant.appId, 'x-org-id': other.orgId },
    ]) {
      expectProblem(undefined, await send('GET /api/application-toys', { headers }), 'app-not-found')
    }
  })

  const nouns = [
    'agents',
    'runs',
    'schedules',
    'webhooks',
    'end-users',
    'api-keys',
    'packages',
    'providers',
    'connections',
  ]
  const scoped = features
    .flatMap(({ endpoints }) => Object.values(endpoints))
    .filter(({ route }) => nouns.some((noun) => new RegExp(`^\\w+ /api/${noun}(/|$)`).test(route)))
  it.each(scoped.map(({ route }) => [route]))(
    '"agents, runs, schedules, webhooks, end-users, api-keys, packages, providers, and connections": %s',
    async (route) => {
      const { apiKey } = await world.tenant()
      const path = route.replaceAll(/:\w+/g, 'x')
      expectProblem(
        undefined,
        await world.send(path, { headers: { authorization: `Bearer ${apiKey}` } }),
        'missing-app-id',
      )
    },
  )
})

describe('SSE and API keys', () => {
  it('"Pass the API key as a query parameter", on streams only', async () => {
    const { apiKey, organizationId, applicationId } = await world.tenant()
    const answer = await world.send('GET /api/realtime/toys', { query: { token: apiKey } })
    expect(answer.body, answer.text).toEqual({ organizationId, applicationId, endUserId: null })
    expectProblem(
      undefined,
      await world.send('GET /api/application-toys', { query: { token: apiKey } }),
      'unauthorized',
    )
    expectProblem(
      undefined,
      await world.send('GET /api/realtime/toys', { query: { token: 'ask_wrong' } }),
      'unauthorized',
    )
  })

  it('"For cookie-based authentication, standard headers (Cookie, X-Org-Id) are used normally"', async () => {
    const tenant = await world.tenant()
    const { send } = await signUp(world, tenant)
    expect(
      (await send('GET /api/realtime/toys', { headers: { 'x-app-id': tenant.appId, 'x-org-id': tenant.orgId } }))
        .status,
    ).toBe(200)
    expect((await send('GET /api/realtime/toys', { query: { appId: tenant.appId, orgId: tenant.orgId } })).status).toBe(
      200,
    )
  })
})

describe('End-User Impersonation', () => {
  it('"The API allows executing requests on behalf of an end-user via the Appstrate-User header"', async () => {
    const tenant = await world.tenant()
    const endUser = await tenant.endUser()
    const { body } = await tenant.sendAs(endUser)('GET /api/application-toys')
    expect(body.endUserId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('"API key auth only — returns 400 if used with a cookie session"', async () => {
    const tenant = await world.tenant()
    const headers = { 'x-app-id': tenant.appId, 'appstrate-user': await tenant.endUser() }
    const { send } = await signUp(world, tenant)
    const answer = await send('GET /api/application-toys', { headers })
    expectProblem(undefined, answer, 'header-not-allowed')
    expect(answer.status).toBe(400)
  })

  it('"The end-user must belong to the application associated with the API key"', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const stranger = await other.endUser()
    for (const path of ['application-toys', 'organization-toys', 'realtime/toys']) {
      expectProblem(undefined, await tenant.sendAs(stranger)(`GET /api/${path}`), 'invalid-end-user')
      expectProblem(undefined, await tenant.sendAs(newWireId('eu'))(`GET /api/${path}`), 'invalid-end-user')
      expectProblem(undefined, await tenant.sendAs('eu_nonsense')(`GET /api/${path}`), 'invalid-end-user-id')
      expectProblem(undefined, await tenant.sendAs('')(`GET /api/${path}`), 'invalid-end-user-id')
    }
  })

  it(
    '"All requests are recorded in the audit log (requestId, apiKeyId, endUserId, applicationId, IP, userAgent)", ' +
      'reads and refused ones too',
    async () => {
      const tenant = await world.tenant()
      const endUserId = await tenant.endUser()
      const send = tenant.sendAs(endUserId)
      const headers = { 'user-agent': 'the test of the audit log' }
      const answers = [
        await send('GET /api/application-toys?token=secret', { headers }),
        await send('GET /api/organization-toys', { headers }),
        await send('POST /api/toys', { headers, body: {} }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([422, 200, 422])
      const entries = await world.platform.db
        .selectFrom('audit_log')
        .selectAll()
        .where('application_id', '=', tenant.applicationId)
        .execute()
      expect(entries).toHaveLength(answers.length)
      expect(
        answers.map((answer) => entries.find(({ request_id }) => request_id === answer.headers.get('request-id'))),
      ).toMatchObject(
        answers.map(({ headers: answered }) => ({
          action: 'end-user.impersonated',
          request_id: answered.get('request-id'),
          actor: { kind: 'api-key', apiKeyId: expect.any(String), endUserId: expect.any(String) },
          resource_id: endUserId,
          application_id: tenant.applicationId,
          ip: '127.0.0.1',
          user_agent: 'the test of the audit log',
        })),
      )
      expect(JSON.stringify(entries)).not.toContain('secret')
    },
  )
})
