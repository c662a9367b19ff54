import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newWireId } from '../ids/id.ts'
import { makeToys } from './testing/toys.ts'

const origin = 'https://app.example.com'
let world: World
beforeAll(async () => {
  world = await openWorld({ features: [makeToys().feature], environment: { TRUSTED_ORIGINS: origin } })
})
afterAll(() => world.close())

describe('methods', () => {
  it.each([
    ['PATCH /api/toys', 'GET, HEAD, POST'],
    ['POST /api/toys/x', 'GET, HEAD, DELETE'],
    ['GET /api/toys/x/run', 'POST'],
    ['DELETE /api/toys/', 'GET, HEAD, POST'],
    ['HEAD /api/realtime/toys', 'GET'],
    ['DELETE /api/openapi.json', 'GET, HEAD'],
    ['POST /api/docs', 'GET, HEAD'],
  ])('%s is 405 with Allow: %s', async (route, allow) => {
    const tenant = await world.tenant()
    const answer = await tenant.send(route)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
    if (!route.startsWith('HEAD')) expectProblem(undefined, answer, 'method-not-allowed')
  })

  it('reports a wrong path before it reads the body', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('POST /api/nothing', {
      rawBody: '<xml/>',
      headers: { 'content-type': 'application/xml' },
    })
    expectProblem(undefined, answer, 'not-found')
    expect(answer.body.detail).toContain('POST /api/nothing')
  })

  it('HEAD answers like GET, without a body', async () => {
    const tenant = await world.tenant()
    const [got, head] = [await tenant.send('GET /api/toys'), await tenant.send('HEAD /api/toys')]
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(got.text)))
    expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'))
    expect((await world.send('HEAD /api/toys')).status).toBe(401)
    for (const path of ['/api/openapi.json', '/api/docs']) {
      const [page, only] = [await world.send(`GET ${path}`), await world.send(`HEAD ${path}`)]
      expect([only.status, only.text, only.headers.get('content-type')], path).toEqual([
        200,
        '',
        page.headers.get('content-type'),
      ])
    }
    expect((await tenant.send(`HEAD /api/toys/${newWireId('run')}`)).status).toBe(404)
  })

  it('OPTIONS lists the methods of a path', async () => {
    const answer = await world.send('OPTIONS /api/toys')
    expect([answer.status, answer.headers.get('allow'), answer.text]).toEqual([204, 'GET, HEAD, POST, OPTIONS', ''])
    expectProblem(undefined, await world.send('OPTIONS /api/nothing'), 'not-found')
  })
})

describe('pages of other origins', () => {
  const preflight = {
    'access-control-request-method': 'DELETE',
    'access-control-request-headers': 'x-app-id, idempotency-key',
  }

  it("may call with every method and read the API's headers when they are trusted", async () => {
    const { status, headers } = await world.send('OPTIONS /api/toys/x', { headers: { origin, ...preflight } })
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(origin)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-allow-methods')?.split(', ')).toEqual(
      expect.arrayContaining(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
    )
    expect(headers.get('access-control-allow-headers')).toBe('x-app-id, idempotency-key')
    const answer = await world.send('GET /api/toys', { headers: { origin } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/Request-Id.*RateLimit/)
    expect(answer.headers.get('vary')).toMatch(/origin/i)
  })

  it.each(['https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null'])(
    'get no permission when they are not: %s',
    async (other) => {
      for (const route of ['OPTIONS /api/toys', 'GET /api/toys', 'GET /api/nothing']) {
        const { headers } = await world.send(route, {
          headers: { origin: other, ...(route.startsWith('OPTIONS') ? preflight : {}) },
        })
        expect(headers.get('access-control-allow-origin'), route).toBeNull()
        expect(headers.get('access-control-allow-credentials'), route).toBeNull()
      }
    },
  )
})

describe('a server that is stopping', () => {
  it('refuses writes with Retry-After, and still answers reads', async () => {
    const stopping = await openWorld({ features: [makeToys().feature] })
    const tenant = await stopping.tenant()
    stopping.platform.beginStop()
    const answer = await tenant.send('POST /api/toys', { body: { name: 'ball' } })
    expectProblem(undefined, answer, 'shutting-down')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect((await tenant.send('GET /api/toys')).status).toBe(200)
    await stopping.close()
  })
})
