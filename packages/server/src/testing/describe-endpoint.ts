import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { features } from '../features/index.ts'
import { bodyBytesDefault, type Endpoint } from '../platform/http/endpoint.ts'
import { problemTable } from '../platform/http/http-problems.ts'
import { failuresOf } from '../platform/http/openapi/openapi.ts'
import { problemRow } from '../platform/problems/problem.ts'
import type { Tenant } from './factories/tenant.ts'
import type { Answer, Send, SendOptions } from './request.ts'
import { openWorld, type World, type WorldOptions } from './world.ts'

/** A valid call of the endpoint: values for its path, and the rest of the request. */
export interface GoodCall extends SendOptions {
  readonly params?: Readonly<Record<string, string>>
}

export interface Inherited<G> {
  /** Creates in the tenant what a valid call needs. */
  given(tenant: Tenant, world: World): Promise<G>
  /** The valid call; it must succeed each time after a new call of `given`. */
  call(given: G, tenant: Tenant): GoodCall
  /**
   * The caller: by default the tenant's API key; `session` for its owner's cookie if API keys are not allowed.
   * Endpoints for administrators are called by the tenant's owner, who becomes one.
   */
  readonly as?: 'session'
  readonly world?: WorldOptions
}

/** Tests the rules of every endpoint: credentials, permission, tenants, invalid bodies, headers, audit and replay. */
export function describeEndpoint<G>(endpoint: Endpoint, inherited: Inherited<G>): void {
  describe(endpoint.route, () => {
    let world: World
    beforeAll(async () => {
      world = await openWorld(inherited.world)
    })
    afterAll(() => world.close())
    const senderOf = async (tenant: Tenant) => {
      if (endpoint.caller === 'administrator') return (await tenant.administrate()).send
      return inherited.as === 'session' ? (await tenant.session()).send : tenant.send
    }
    const prepare = async () => {
      const tenant = await world.tenant()
      return {
        tenant,
        send: await senderOf(tenant),
        good: inherited.call(await inherited.given(tenant, world), tenant),
      }
    }
    const context = { endpoint, as: inherited.as, prepare, senderOf, world: () => world }
    keepsTheGoodPath(context)
    if (endpoint.caller !== 'anyone') needsCredentials(context)
    if (endpoint.caller === 'user' || endpoint.caller === 'administrator') needsASession(context)
    if (endpoint.caller === 'administrator') needsAnAdministrator(context)
    if (endpoint.permission !== 'none') needsItsPermission(context)
    if (Object.values(endpoint.params ?? {}).some((param) => 'id' in param)) hidesOtherTenants(context)
    if (endpoint.body !== undefined && endpoint.bodyKind !== 'multipart') refusesBadBodies(context)
    if (endpoint.idempotency === 'supported') replays(context)
  })
}

interface Context {
  readonly endpoint: Endpoint
  readonly as: 'session' | undefined
  readonly prepare: () => Promise<{ tenant: Tenant; send: Send; good: GoodCall }>
  readonly senderOf: (tenant: Tenant) => Promise<Send>
  readonly world: () => World
}

function keepsTheGoodPath({ endpoint, prepare, world }: Context): void {
  it('answers a valid call as declared, with the common headers and its audit entry', async () => {
    const { send, good } = await prepare()
    const answer = await send(routeOf(endpoint, good), good)
    expect(answer.status, answer.text).toBeLessThan(300)
    expectDeclared(endpoint, answer)
    expectCommonHeaders(answer)
    const requestId = String(answer.headers.get('request-id'))
    const entries = await world()
      .platform.db.selectFrom('audit_log')
      .select('action')
      .where('request_id', '=', requestId)
      .execute()
    expect(entries).toEqual(endpoint.audit === 'none' ? [] : [{ action: endpoint.audit }])
  })
}

function needsCredentials({ endpoint, prepare, world }: Context): void {
  it('answers 401 without credentials and with a key that does not exist', async () => {
    const { tenant, good } = await prepare()
    const route = routeOf(endpoint, good)
    expectProblem(
      endpoint,
      await world().send(route, { ...good, headers: { ...good.headers, 'x-app-id': tenant.appId } }),
      'unauthorized',
    )
    const stranger = { authorization: `Bearer ask_${'0'.repeat(48)}`, 'x-app-id': tenant.appId }
    expectProblem(
      endpoint,
      await world().send(route, { ...good, headers: { ...good.headers, ...stranger } }),
      'unauthorized',
    )
  })
}

function needsASession({ endpoint, prepare }: Context): void {
  it('answers 403 to an API key', async () => {
    const { tenant, good } = await prepare()
    expectProblem(endpoint, await tenant.send(routeOf(endpoint, good), good), 'session-required')
  })
}

function needsAnAdministrator({ endpoint, prepare, world }: Context): void {
  it('answers 403 to a user who does not administer the instance, and to changes with an old session', async () => {
    const { tenant, good } = await prepare()
    const route = routeOf(endpoint, good)
    const owner = await (await world().tenant()).session()
    expectProblem(endpoint, await owner.send(route, good), 'administrator-required')
    if (endpoint.route.startsWith('GET ')) return
    const { send } = await tenant.administrate()
    await sql`update sessions set created_at = now() - interval '1 h' where user_id = ${tenant.userId}`.execute(
      world().platform.db,
    )
    expectProblem(endpoint, await send(route, good), 'reauthentication-required')
  })
}

function needsItsPermission({ endpoint, prepare }: Context): void {
  it(`answers 403 to a key without ${endpoint.permission}`, async () => {
    const { tenant, good } = await prepare()
    const weak = await tenant.key({ scopes: [] })
    expectProblem(endpoint, await weak.send(routeOf(endpoint, good), good), 'forbidden')
  })
}

function hidesOtherTenants({ endpoint, as, prepare, senderOf, world }: Context): void {
  it('answers 404 to another tenant, to a sibling application and for an invalid id', async () => {
    const { tenant, send, good } = await prepare()
    const expectNotFound = (answer: Answer) => {
      expect(answer.status, answer.text).toBe(404)
      expectProblem(endpoint, answer)
    }
    // An administrator sees every tenant.
    if (endpoint.caller !== 'administrator') {
      const stranger = await senderOf(await world().tenant())
      expectNotFound(await stranger(routeOf(endpoint, good), good))
    }
    if (endpoint.caller === 'application') {
      const sibling = await tenant.sibling()
      const headers = { ...good.headers, 'x-app-id': sibling.appId }
      expectNotFound(await (as === 'session' ? send : sibling.send)(routeOf(endpoint, good), { ...good, headers }))
    }
    const broken = Object.fromEntries(Object.keys(good.params ?? {}).map((name) => [name, 'nonsense']))
    expectNotFound(await send(routeOf(endpoint, { ...good, params: broken }), good))
  })
}

function refusesBadBodies({ endpoint, prepare }: Context): void {
  it('refuses malformed JSON, a wrong content type, too large a body and unknown fields with a problem', async () => {
    const { send, good } = await prepare()
    const route = routeOf(endpoint, good)
    const json = { 'content-type': 'application/json' }
    const sendRaw = (rawBody: string, headers: Record<string, string>) =>
      send(route, { rawBody, headers: { ...good.headers, ...headers } })
    expectProblem(endpoint, await sendRaw('{"name":', json), 'malformed-json')
    expectProblem(endpoint, await sendRaw('name=x', { 'content-type': 'text/plain' }), 'unsupported-media-type')
    expectProblem(
      endpoint,
      await sendRaw(`{"x":"${'x'.repeat((endpoint.bodyBytesMax ?? bodyBytesDefault) + 1)}"}`, json),
      'payload-too-large',
    )
    if (endpoint.body !== undefined && 'properties' in endpoint.body) {
      const answer = await send(route, { ...good, body: { ...objectOf(good.body), unknownField: 1 } })
      expectProblem(endpoint, answer, 'validation-error')
      expect(answer.body.errors).toContainEqual({
        pointer: '/unknownField',
        message: 'is not a known field',
        code: 'additionalProperties',
      })
    }
  })
}

function replays({ endpoint, prepare, world }: Context): void {
  // A key that is stored later is lost in a crash or an outage in between: the repeated request then acts twice.
  it.runIf(endpoint.audit !== 'none')('stores the key in the transaction of the change', async () => {
    const { send, good } = await prepare()
    const headers = { ...good.headers, 'idempotency-key': 'a key of this change' }
    const answer = await send(routeOf(endpoint, good), { ...good, headers })
    const { rows } = await sql<{ kept: boolean }>`
      select exists (select from idempotency_keys k where k.xmin = a.xmin)
        or exists (select from runs r where r.xmin = a.xmin and r.idempotency_key_hash is not null) as kept
      from audit_log a where a.request_id = ${answer.headers.get('request-id')}`.execute(world().platform.db)
    expect(rows).toEqual([{ kept: true }])
  })

  it('replays the reply to the same key and body, and refuses the key with another body', async () => {
    const { send, good } = await prepare()
    const headers = { ...good.headers, 'idempotency-key': 'a key of this test' }
    const first = await send(routeOf(endpoint, good), { ...good, headers })
    const again = await send(routeOf(endpoint, good), { ...good, headers })
    expect(again.status).toBe(first.status)
    expect(again.body).toEqual(first.body)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    const { hooks, db } = world().platform
    const isKept = await hooks.isKept(db, String(first.body['id']))
    expect(isKept, 'a feature must say in `isKept` whether the thing of a stored reply still exists').toBe(true)
    const other = await send(routeOf(endpoint, good), {
      rawBody: `${JSON.stringify(good.body ?? {})} `,
      headers: { ...headers, 'content-type': 'application/json' },
    })
    expectProblem(endpoint, other, 'idempotency-key-reuse')
  })
}

/** The concrete `METHOD /path` of a call. */
function routeOf(endpoint: Endpoint, { params = {} }: GoodCall): string {
  return endpoint.route.replace(/:(\w+)/g, (_match, name: string) => encodeURIComponent(params[name] ?? ''))
}

const productProblems = problemTable(features)

/** Expects a problem+json reply of a code that the endpoint declares. */
export function expectProblem(endpoint: Endpoint | undefined, answer: Answer, code?: string): void {
  expect(answer.headers.get('content-type'), answer.text).toMatch(/^application\/problem\+json/)
  const found = String(answer.body.type).replace('https://appstrate.dev/errors/', '')
  if (code !== undefined) expect(found, answer.text).toBe(code)
  expect(answer.body).toMatchObject({
    status: answer.status,
    title: problemRow(productProblems, found).title,
    requestId: answer.headers.get('request-id'),
  })
  if (endpoint !== undefined) expect(failuresOf(endpoint), `${found} is not declared`).toContain(found)
  expectCommonHeaders(answer)
}

function expectDeclared(endpoint: Endpoint, answer: Answer): void {
  expect(Object.keys(endpoint.returns)).toContain(String(answer.status))
}

function expectCommonHeaders({ headers }: Answer): void {
  expect(headers.get('request-id')).toMatch(/^req_[0-9a-z]{26}$/)
  expect(headers.get('appstrate-version')).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  expect(headers.get('ratelimit')).toMatch(/^limit=\d+, remaining=\d+, reset=\d+$/)
  expect(headers.get('ratelimit-policy')).toMatch(/^\d+;w=60$/)
}

function objectOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {}
}
