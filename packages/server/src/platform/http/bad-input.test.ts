import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import type { Tenant } from '../../testing/factories/tenant.ts'
import type { Answer } from '../../testing/request.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newWireId } from '../ids/id.ts'
import { readLog } from './testing/log-lines.ts'
import { makeToys } from './testing/toys.ts'

const toys = makeToys()
let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await openWorld({ features: [toys.feature] })
  tenant = await world.tenant()
})
afterAll(async () => {
  // No input may cause an internal error.
  expect(readLog(world).filter(({ level }) => level >= 50)).toEqual([])
  await world.close()
})

const json = { 'content-type': 'application/json' }
const post = (rawBody: string | Uint8Array, headers: Record<string, string> = json) =>
  tenant.send('POST /api/toys', { rawBody, headers })
const nested = (depth: number, open = '[', close = ']') =>
  `{"name":"x","anything":${open.repeat(depth)}1${close.repeat(depth)}}`

function expectInvalid(answer: Answer, errors: readonly unknown[]): void {
  expectProblem(toys.endpoints['createToy'], answer, 'validation-error')
  expect(answer.body.errors).toEqual(errors)
}

describe('a body that is not JSON', () => {
  it.each([
    ['cut off', '{"name":"x"'],
    ['empty of values', '{"name":}'],
    ['a bare word', 'name'],
    ['single quotes', "{'name':'x'}"],
    ['a trailing comma', '{"name":"x",}'],
    ['two values', '{}{}'],
    ['a raw control character', '{"name":"\n"}'],
    ['NaN', '{"name":NaN}'],
    ['a comment', '{"name":"x"/*c*/}'],
    ['a raw NUL', '{"name":"\0"}'],
    ['spaces', '   '],
  ])('is 400 malformed-json: %s', async (_what, body) => {
    expectProblem(toys.endpoints['createToy'], await post(body), 'malformed-json')
  })

  it('is 400 malformed-json in an encoding other than UTF-8, with any charset in Content-Type', async () => {
    for (const body of [Buffer.from('{"name":"\xe9"}', 'latin1'), Buffer.from('{"name":"x"}', 'utf16le')]) {
      expectProblem(
        toys.endpoints['createToy'],
        await post(body, { 'content-type': 'application/json; charset=latin1' }),
        'malformed-json',
      )
    }
  })

  it('is not quoted in the reply', async () => {
    const answer = await post(`{"name":"${'x'.repeat(50)}","password":"hunter2" "}`)
    expectProblem(undefined, answer, 'malformed-json')
    expect(answer.body.detail).not.toContain('hunter2')
  })

  it('may begin with a byte order mark and carry a charset', async () => {
    expect((await post('\ufeff{"name":"x"}', { 'content-type': 'application/json; charset=utf-8' })).status).toBe(201)
  })
})

describe('a Content-Type that the endpoint does not accept', () => {
  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/vnd.api+json',
    'text/json',
    'nonsense',
    'multipart/form-data; boundary=x',
  ])('is 415: %s', async (type) =>
    expectProblem(
      toys.endpoints['createToy'],
      await post('{"name":"x"}', { 'content-type': type }),
      'unsupported-media-type',
    ),
  )

  it('is 415 when it is compressed, and names the accepted encoding', async () => {
    const answer = await post('{"name":"x"}', { ...json, 'content-encoding': 'gzip' })
    expectProblem(toys.endpoints['createToy'], answer, 'unsupported-media-type')
    expect(answer.headers.get('accept-encoding')).toBe('identity')
    expect((await post('{"name":"x"}', { ...json, 'content-encoding': 'identity' })).status).toBe(201)
  })

  it('is 415 when it is missing', async () => {
    const answer = await tenant.send('POST /api/toys', { rawBody: new Uint8Array(Buffer.from('{"name":"x"}')) })
    expectProblem(toys.endpoints['createToy'], answer, 'unsupported-media-type')
  })

  it('is 422 when there is no body at all', async () => {
    expectInvalid(await tenant.send('POST /api/toys'), [{ pointer: '', message: 'is required', code: 'required' }])
    expectInvalid(await post(''), [{ pointer: '', message: 'is required', code: 'required' }])
  })
})

describe('a body that is too large', () => {
  it('is 413: 10 MB of JSON, and the connection stays open', async () => {
    expectProblem(toys.endpoints['createToy'], await post(`{"name":"${'x'.repeat(10_000_000)}"}`), 'payload-too-large')
    expect((await post('{"name":"x"}')).status).toBe(201)
  })

  it('is 413 when its length is not announced', async () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
    })
    const { apiKey, appId } = tenant
    const headers = { ...json, authorization: `Bearer ${apiKey}`, 'x-app-id': appId }
    const response = await fetch(`${world.url}/api/toys`, { method: 'POST', body, duplex: 'half', headers }).catch(
      (error: unknown) => error,
    )
    // The server closes the connection of an endless sender; the client may or may not see the reply first.
    if (response instanceof Response) expect(response.status).toBe(413)
    expect((await post('{"name":"x"}')).status).toBe(201)
  })
})

describe('fields', () => {
  it('that are unknown are refused at any depth, all of them at once', async () => {
    const answer = await tenant.send('POST /api/toys', {
      body: {
        name: 'x',
        'a/b~c': 1,
        parts: [{ color: 'red' }, { color: 'red', shade: 1 }],
        size: { width: 1, depth: 2 },
      },
    })
    const unknown = (pointer: string) => ({ pointer, message: 'is not a known field', code: 'additionalProperties' })
    expectInvalid(answer, [unknown('/a~1b~0c'), unknown('/parts/1/shade'), unknown('/size/depth')])
  })

  it('that are free JSON may be anything', async () => {
    const free = { any: { thing: ['goes', { here: null }] }, constructor: { prototype: { x: 1 } }, toString: 1 }
    expect((await tenant.send('POST /api/toys', { body: { name: 'x', details: free, anything: free } })).status).toBe(
      201,
    )
  })

  it('are reported with all their mistakes, each with its pointer', async () => {
    const answer = await tenant.send('POST /api/toys', { body: { name: 7, parts: [{}, 'x'], size: { width: 0 } } })
    const at = (pointer: string, code: string) => ({ pointer, code, message: expect.any(String) })
    expectInvalid(answer, [
      at('/name', 'type'),
      at('/parts/0/color', 'required'),
      at('/parts/1', 'type'),
      at('/size/width', 'minimum'),
    ])
  })

  it('are reported up to a hundred mistakes', async () => {
    const answer = await tenant.send('POST /api/toys', {
      body: { name: 'x', parts: Array.from({ length: 200_000 }, () => 1) },
    })
    expectProblem(undefined, answer, 'validation-error')
    expect(answer.body.errors, 'the first mistake only, of a body that large').toHaveLength(1)
    const small = await tenant.send('POST /api/toys', {
      body: { name: 'x', parts: Array.from({ length: 500 }, () => 1) },
    })
    expect(small.body.errors).toHaveLength(100)
    expect(small.body.detail).toContain('499 more')
  })

  it('named __proto__ are refused, and change no prototype', async () => {
    const error = (pointer: string) => ({
      pointer,
      message: 'must not have a field named __proto__',
      code: 'fieldName',
    })
    expectInvalid(await post('{"name":"x","details":{"__proto__":{"isAdmin":true}}}'), [error('/details')])
    expectInvalid(await post('{"name":"x","details":{"\\u005f_proto__":1}}'), [error('/details')])
    expect(Reflect.get({}, 'isAdmin')).toBeUndefined()
  })

  it.each(['[]', '"text"', '7', 'null', 'true'])('are required in a body that is %s', async (body) => {
    expectInvalid(await post(body), [{ pointer: '', message: 'must be object', code: 'type' }])
  })
})

describe('text that PostgreSQL cannot store', () => {
  const refused = (pointer: string) => [
    { pointer, message: 'must not contain U+0000 or half a surrogate pair', code: 'characters' },
  ]

  it.each([
    ['U+0000', '\\u0000'],
    ['a lone high surrogate', '\\ud83d'],
    ['a lone low surrogate', '\\ude00'],
  ])('is 422 in a body: %s', async (_what, escape) => {
    expectInvalid(await post(`{"name":"a${escape}b"}`), refused('/name'))
    expectInvalid(await post(`{"name":"x","details":{"deep":["${escape}"]}}`), refused('/details/deep/0'))
    const name = await post(`{"name":"x","details":{"a${escape}":1}}`)
    expectInvalid(name, [{ pointer: '/details', message: expect.any(String), code: 'fieldName' }])
  })

  it('is 422 in a query and 404 in a path', async () => {
    const inQuery = await tenant.send('GET /api/labels/x?note=a%00b')
    expectProblem(toys.endpoints['labelToy'], inQuery, 'validation-error')
    expect(inQuery.body.errors).toEqual(refused('query/note'))
    expectProblem(toys.endpoints['labelToy'], await tenant.send('GET /api/labels/a%00b'), 'not-found')
  })

  it('does not include whole emoji', async () => {
    expect((await post('{"name":"\\ud83d\\ude00 😀"}')).status).toBe(201)
    expect((await tenant.send(`GET /api/labels/${encodeURIComponent('😀')}`)).status).toBe(200)
  })
})

describe('deep and extreme JSON', () => {
  it('is 422 below 100 levels, even in a field for any value', async () => {
    expect((await post(nested(90))).status).toBe(201)
    const tooDeep = [{ pointer: '', message: 'is nested deeper than 100 levels', code: 'maxDepth' }]
    expectInvalid(await post(nested(101)), tooDeep)
    expectInvalid(await post(nested(200_000)), tooDeep)
    expectInvalid(await post(nested(100_000, '{"a":', '}')), tooDeep)
  })

  it('is 422 for a number beyond the range of a double', async () => {
    expectInvalid(await post('{"name":"x","anything":[1e999]}'), [
      { pointer: '/anything/0', message: 'is too large a number to store', code: 'finite' },
    ])
  })
})

describe('an upload', () => {
  const upload = (body: string, type = 'multipart/form-data; boundary=x') =>
    tenant.send('POST /api/toy-files', { rawBody: body, headers: { 'content-type': type } })
  const part = (name: string) =>
    `--x\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\ncontent\r\n`

  it('is 415 as JSON or without a body', async () => {
    expect((await upload(`${part('a.csv')}--x--\r\n`)).status).toBe(200)
    expectProblem(toys.endpoints['uploadToy'], await upload('{}', 'application/json'), 'unsupported-media-type')
    expectProblem(toys.endpoints['uploadToy'], await tenant.send('POST /api/toy-files'), 'unsupported-media-type')
  })

  it('with a name that cannot be stored is 422', async () => {
    expectProblem(
      toys.endpoints['uploadToy'],
      await upload(`--x\r\nContent-Disposition: form-data; name="file"; filename*=utf-8''a%00b\r\n\r\nx\r\n--x--\r\n`),
      'validation-error',
    )
  })
})

describe('ids', () => {
  it('that are malformed, of another kind, or in another spelling are 404', async () => {
    const id = newWireId('toy')
    expect((await tenant.send(`GET /api/toys/${id}`)).status).toBe(200)
    for (const wrong of [
      'x',
      newWireId('run'),
      id.toUpperCase(),
      id.slice(0, -1),
      `${id}0`,
      'toy_',
      `${id}%20`,
      '%E2%82%AC',
      id.replace('toy_', ''),
      'toy_8zzzzzzzzzzzzzzzzzzzzzzzzz',
      '..%2f..%2fetc',
    ]) {
      expectProblem(toys.endpoints['getToy'], await tenant.send(`GET /api/toys/${wrong}`), 'not-found')
    }
  })
})

describe('a query', () => {
  it.each([
    ['page=1&page=2', 'query/page'],
    ['unknown=1', 'query/unknown'],
    ['__proto__=1', 'query'],
    ['constructor=1', 'query/constructor'],
    ['token=ask_1', 'query/token'],
  ])('is 422: ?%s', async (query, pointer) => {
    const answer = await tenant.send(`GET /api/toys?${query}`)
    expectProblem(toys.endpoints['listToys'], answer, 'validation-error')
    expect(answer.body.errors[0].pointer).toBe(pointer)
  })

  it('may be badly encoded in a free text: it is used unchanged', async () => {
    expect((await tenant.send('GET /api/labels/x?note=%zz')).status).toBe(200)
    expect((await tenant.send('GET /api/labels/x?note=%ff%fe')).status).toBe(200)
  })
})

describe('a path', () => {
  it.each(['/api/%', '/api/%zz', '/api/toys/%E0%A4%A', '/%c0%ae'])(
    'is 400 when it is badly encoded: %s',
    async (path) => {
      const answer = await tenant.send(`GET ${path}`)
      expect([answer.status, answer.body.type]).toEqual([400, 'https://appstrate.dev/errors/malformed-request'])
      expect(answer.body.instance).toBe(path)
    },
  )

  it('is 414 when a segment of it is too long', async () => {
    expectProblem(undefined, await tenant.send(`GET /api/labels/${'x'.repeat(501)}`), 'uri-too-long')
    expect((await tenant.send(`GET /api/labels/${'x'.repeat(500)}`)).status).toBe(200)
  })

  it('is the same with its letters percent-encoded, down to the headers', async () => {
    const [plain, encoded] = [
      await tenant.send('GET /api/toys?pageSize=1'),
      await tenant.send('GET /%61p%69/t%6Fys?pageSize=1'),
    ]
    expect([encoded.status, encoded.text]).toEqual([200, plain.text])
    expect(encoded.headers.get('cache-control')).toBe('no-store')
    const nothing = await tenant.send('GET /%61pi/nothing')
    expectProblem(undefined, nothing, 'not-found')
    expect(nothing.body.instance).toBe('/%61pi/nothing')
    expect((await tenant.send('GET /api/labels/a%2Fb')).body.label).toMatch(/^a\/b /)
  })

  it('may end with a slash, and is case-sensitive', async () => {
    expect((await tenant.send('GET /api/toys/')).status).toBe(200)
    expectProblem(undefined, await tenant.send('GET /api/Toys'), 'not-found')
    expectProblem(undefined, await tenant.send('GET /api//toys'), 'not-found')
  })
})
