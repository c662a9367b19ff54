import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { features } from '../../features/index.ts'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { requester, type Answer } from '../../testing/request.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { parseConfig } from '../config/config.ts'
import { newWireId } from '../ids/id.ts'
import { createRateLimiter } from './rate-limit.ts'
import { makeToys } from './testing/toys.ts'
import { signInFeature, signUp } from './testing/sign-in.ts'

const toys = makeToys()
let world: World
beforeAll(async () => {
  // Anonymous callers are distinguished by address. The tests need several, so they use a trusted proxy.
  const environment = { RATE_LIMIT_CREATE: '3', RATE_LIMIT_DEFAULT: '5', RATE_LIMIT_RUNS: '20', TRUST_PROXY: 'true' }
  world = await openWorld({ features: [toys.feature, signInFeature], environment })
})
afterAll(() => world.close())

/** Sends without credentials, from an unused address. */
function fromSomewhere() {
  const address = Array.from({ length: 4 }, () => randomInt(1, 255)).join('.')
  return requester(world.url, { 'x-forwarded-for': address })
}

function standing({ headers }: Answer) {
  const [, limit, remaining, reset] =
    /^limit=(\d+), remaining=(\d+), reset=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? []
  return {
    limit: Number(limit),
    remaining: Number(remaining),
    reset: Number(reset),
    policy: headers.get('ratelimit-policy'),
  }
}

describe('Rate Limiting', () => {
  it(
    '"Every response includes standard IETF headers": ' +
      '"RateLimit: limit=20, remaining=18, reset=45" and "RateLimit-Policy: 20;w=60"',
    async () => {
      const tenant = await world.tenant()
      const run = () => tenant.send(`POST /api/toys/${newWireId('toy')}/run`)
      const first = standing(await run())
      expect(first).toEqual({ limit: 20, remaining: 19, reset: expect.any(Number), policy: '20;w=60' })
      expect(first.reset).toBeGreaterThan(50)
      expect(first.reset).toBeLessThanOrEqual(60)
      expect(standing(await run()).remaining).toBe(18)
    },
  )

  it.each([
    ['GET /api/toys', 401],
    ['GET /api/nothing', 404],
    ['PATCH /api/toys', 405],
    ['GET /api/%zz', 400],
    [`GET /api/toys/${'x'.repeat(600)}`, 414],
    ['GET /api', 404],
    ['GET /api/docs', 200],
    ['GET /api/openapi.json', 200],
    ['GET /api/public-toys', 200],
    ['OPTIONS /api/toys', 204],
    ['POST /api/user-toys', 401],
  ])('every response: %s without credentials is %i', async (route, status) => {
    const answer = await fromSomewhere()(route)
    expect(answer.status).toBe(status)
    expect(standing(answer), route).toMatchObject({ limit: 5, policy: '5;w=60' })
  })

  it('every response: 400, 413, 415, 422 and 500 of an operation', async () => {
    const tenant = await world.tenant()
    const path = 'POST /api/toys/break'
    const json = { 'content-type': 'application/json' }
    const answers = [
      await tenant.send(path, { rawBody: '{', headers: json }),
      await tenant.send(path, { rawBody: 'x'.repeat(1_100_000), headers: json }),
      await tenant.send(path, { rawBody: 'x', headers: { 'content-type': 'text/plain' } }),
      await tenant.send(path, { body: { x: 1 } }),
      await tenant.send(path, { body: {} }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 413, 415, 422, 500])
    expect(answers.map((answer) => standing(answer).remaining)).toEqual([4, 3, 2, 1, 0])
  })

  it(
    '"When the limit is exceeded (429 Too Many Requests), ' + 'a Retry-After header indicates the delay in seconds"',
    async () => {
      const tenant = await world.tenant()
      const create = () => tenant.send('POST /api/toys', { body: { name: 'ball' } })
      expect([(await create()).status, (await create()).status, (await create()).status]).toEqual([201, 201, 201])
      const refused = await create()
      expectProblem(toys.endpoints['createToy'], refused, 'rate-limited')
      const { limit, remaining, reset } = standing(refused)
      expect({ limit, remaining }).toEqual({ limit: 3, remaining: 0 })
      expect(refused.headers.get('retry-after')).toBe(String(reset))
      expect(refused.body).toMatchObject({ status: 429, title: 'Too Many Requests', retryAfter: reset })
      expect((await create()).status, 'and stays refused').toBe(429)
    },
  )

  it('a refused request does not reach a handler', async () => {
    const tenant = await world.tenant()
    for (let sent = 0; sent < 6; sent++) await tenant.send('POST /api/toys', { body: { name: 'counted' } })
    expect(toys.begun.filter((name) => name === 'counted')).toHaveLength(3)
  })

  it('"Keys are constructed from the method, path, and caller identity": each counts separately', async () => {
    const tenant = await world.tenant()
    for (let sent = 0; sent < 5; sent++) await tenant.send('GET /api/toys')
    expect((await tenant.send('GET /api/toys')).status).toBe(429)
    expect((await tenant.send('GET /api/toys/x')).status, 'another path').toBe(404)
    expect((await tenant.send('POST /api/toys', { body: { name: 'ball' } })).status, 'another method').toBe(201)
    const second = await tenant.key()
    expect((await second.send('GET /api/toys')).status, 'another key of the same application').toBe(200)
  })

  it('counts by route template, not by the values of its parameters', async () => {
    const tenant = await world.tenant()
    const remaining = async (path: string) => standing(await tenant.send(path)).remaining
    expect(await remaining(`GET /api/toys/${newWireId('toy')}`)).toBe(4)
    expect(await remaining(`GET /api/toys/${newWireId('toy')}`)).toBe(3)
    expect(await remaining('GET /api/toys/nonsense/')).toBe(2)
    expect(await remaining(`HEAD /api/toys/${newWireId('toy')}`)).toBe(1)
  })

  it('"Cookie session: method:path:userId": two sessions of one user share, two users do not', async () => {
    const tenant = await world.tenant()
    const [ada, eve] = [await signUp(world, tenant), await signUp(world, tenant)]
    const remaining = async (user: typeof ada) =>
      standing(await user.send('GET /api/application-toys', { headers: { 'x-app-id': tenant.appId } })).remaining
    expect([await remaining(ada), await remaining(ada), await remaining(eve)]).toEqual([4, 3, 4])
  })

  it('counts wrong keys against the address they come from', async () => {
    const send = fromSomewhere()
    const guess = () =>
      send('GET /api/toys', { headers: { authorization: `Bearer ask_${String(Math.random()).padEnd(40, '0')}` } })
    for (let sent = 0; sent < 5; sent++) expect((await guess()).status).toBe(401)
    expectProblem(undefined, await guess(), 'rate-limited')
    expectProblem(undefined, await fromSomewhere()('GET /api/toys'), 'unauthorized')
  })

  it('limits paths that do not exist by address, all of them together', async () => {
    const send = fromSomewhere()
    for (let sent = 0; sent < 5; sent++) expect((await send(`GET /api/nothing/${sent}`)).status).toBe(404)
    expectProblem(undefined, await send('GET /api/nothing/more'), 'rate-limited')
    expectProblem(undefined, await send('GET /api/%zz'), 'rate-limited')
  })

  it(
    '"Key limits": "Run endpoints 20 requests/min", "Package import 10 requests/min", ' +
      '"Resource creation 10 requests/min"',
    async () => {
      const { RATE_LIMIT_RUNS, RATE_LIMIT_IMPORT, RATE_LIMIT_CREATE, RATE_LIMIT_DEFAULT } = parseConfig({}, [])
      expect({ RATE_LIMIT_RUNS, RATE_LIMIT_IMPORT, RATE_LIMIT_CREATE, RATE_LIMIT_DEFAULT }).toEqual({
        RATE_LIMIT_RUNS: 20,
        RATE_LIMIT_IMPORT: 10,
        RATE_LIMIT_CREATE: 10,
        RATE_LIMIT_DEFAULT: 600,
      })
      const limitOf = new Map(
        features.flatMap(({ endpoints }) => Object.values(endpoints)).map(({ route, limit }) => [route, limit]),
      )
      for (const route of ['POST /api/runs', 'POST /api/agents/:agentId/run'] as const)
        expect(limitOf.get(route), route).toBe('runs')
      for (const route of ['POST /api/agents', 'POST /api/files'] as const)
        expect(limitOf.get(route), route).toBe('create')
    },
  )
})

describe.runIf(inject('redisUrl') !== null)('Rate Limiting in Redis', () => {
  it(
    '"Rate limiting is backed by Redis via rate-limiter-flexible": ' +
      'another process continues the count, under "method:path:apikey:apiKeyId"',
    async () => {
      const tenant = await world.tenant()
      expect(standing(await tenant.send('GET /api/toys')).remaining).toBe(4)
      const { id } = await world.platform.db
        .selectFrom('api_keys')
        .select('id')
        .where('application_id', '=', tenant.applicationId)
        .executeTakeFirstOrThrow()
      const { redis } = world.platform
      const key = `GET:/api/toys:apikey:${id}`
      const elsewhere = createRateLimiter({ limits: { runs: 20, import: 10, create: 3, default: 5 }, redis })
      expect(await elsewhere.take('default', key)).toMatchObject({ limit: 5, remaining: 3 })
      expect(standing(await tenant.send('GET /api/toys')).remaining).toBe(2)
      expect(await redis?.pttl(`rl:default:${key}`)).toBeGreaterThan(0)
    },
  )
})
