import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newWireId } from '../ids/id.ts'
import { readLog } from './testing/log-lines.ts'
import { makeToys } from './testing/toys.ts'

const toys = makeToys()
let world: World
beforeAll(async () => {
  world = await openWorld({ features: [toys.feature] })
})
afterAll(() => world.close())

describe('Error Format', () => {
  it('"All errors follow the RFC 9457 specification (application/problem+json)": the router\'s too', async () => {
    const tenant = await world.tenant()
    const json = { 'content-type': 'application/json' }
    const found = [
      expectOne(await world.send('GET /api/toys'), 401, 'unauthorized'),
      expectOne(await tenant.send('GET /api/nothing/here'), 404, 'not-found'),
      expectOne(await tenant.send('PATCH /api/toys'), 405, 'method-not-allowed'),
      expectOne(await tenant.send('POST /api/toys', { rawBody: '{', headers: json }), 400, 'malformed-json'),
      expectOne(
        await tenant.send('POST /api/toys', {
          rawBody: 'a=b',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
        415,
        'unsupported-media-type',
      ),
      expectOne(
        await tenant.send('POST /api/toys', {
          rawBody: JSON.stringify({ name: 'x'.repeat(1_048_576) }),
          headers: json,
        }),
        413,
        'payload-too-large',
      ),
      expectOne(await tenant.send('POST /api/toys', { body: {} }), 422, 'validation-error'),
      expectOne(await tenant.send('POST /api/toys/break', { body: {} }), 500, 'internal-error'),
      expectOne(await tenant.send('GET /api/%zz'), 400, 'malformed-request'),
      expectOne(await tenant.send(`GET /api/toys/${'x'.repeat(600)}`), 414, 'uri-too-long'),
    ]
    expect(new Set(found).size).toBe(found.length)
  })

  it(
    'has the members and the type of the example: ' +
      '"https://appstrate.dev/errors/validation-error", "Validation Error", 422',
    async () => {
      const tenant = await world.tenant()
      const { body, headers } = await tenant.send('POST /api/toys?page=1', { body: { name: '' } })
      expect(body).toEqual({
        type: 'https://appstrate.dev/errors/validation-error',
        title: 'Validation Error',
        status: 422,
        detail: expect.stringContaining('query/page'),
        instance: '/api/toys',
        requestId: headers.get('request-id'),
        errors: [
          { pointer: 'query/page', message: 'is not a known field', code: 'additionalProperties' },
          { pointer: '/name', message: expect.any(String), code: 'minLength' },
        ],
      })
    },
  )

  it('names the path as requested, without its query', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('GET /api/labels/@acme/x/y?token=hidden')
    expect(answer.body.instance).toBe('/api/labels/@acme/x/y')
    expect(answer.text).not.toContain('hidden')
  })

  it('"Every response includes a Request-Id header (req_ prefix) for tracing": always a new one', async () => {
    const tenant = await world.tenant()
    const own = newWireId('req')
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () =>
        (await tenant.send('GET /api/toys', { headers: { 'request-id': own, 'x-request-id': own } })).headers.get(
          'request-id',
        ),
      ),
    )
    for (const id of ids) expect(id).toMatch(/^req_[0-7][0-9a-hjkmnp-tv-z]{25}$/)
    expect(new Set([...ids, own]).size).toBe(6)
  })

  it('"The Request-Id is present on all responses (success and error)", outside /api too', async () => {
    const tenant = await world.tenant()
    for (const route of [
      'GET /api/toys',
      'GET /api/docs',
      'GET /api/openapi.json',
      'GET /nothing',
      'GET /api/nothing',
      'OPTIONS /api/toys',
      'HEAD /api/toys',
      'GET /%zz',
    ]) {
      expect((await tenant.send(route)).headers.get('request-id'), route).toMatch(/^req_/)
    }
  })

  it('a 500 does not reveal its cause, and the log has it once under the same requestId', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('POST /api/toys/break', { body: { with: 'ada' } })
    expectProblem(undefined, answer, 'internal-error')
    expect(answer.text).not.toMatch(/db\.internal|postgres|ada|deeper|\.ts/)
    expect(answer.body.detail).toContain('requestId')
    const line = { msg: 'request', status: 500, path: '/api/toys/break', apiKeyId: expect.any(String) }
    await expect
      .poll(() => readLog(world, answer.body.requestId), { timeout: 15_000 })
      .toContainEqual(expect.objectContaining(line))
    const errors = readLog(world, answer.body.requestId).filter(({ level }) => level >= 50)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({
      requestId: answer.body.requestId,
      err: { message: expect.stringContaining('db.internal:5432'), stack: expect.stringContaining('the deeper cause') },
    })
  })

  it('writes one line for each request, the refused ones included', async () => {
    const tenant = await world.tenant()
    for (const route of ['GET /api/toys', 'GET /api/nothing', 'GET /api/%zz', 'PUT /api/toys']) {
      const requestId = (await tenant.send(route)).headers.get('request-id') ?? ''
      await expect.poll(() => readLog(world, requestId), { message: route, timeout: 15_000 }).toHaveLength(1)
      expect(readLog(world, requestId)[0]).toMatchObject({ msg: 'request', requestId, status: expect.any(Number) })
    }
  })
})

function expectOne(answer: Parameters<typeof expectProblem>[1], status: number, code: string): string {
  expectProblem(undefined, answer, code)
  expect(answer.status).toBe(status)
  return code
}
