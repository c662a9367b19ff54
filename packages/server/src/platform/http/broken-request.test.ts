import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { readLog } from './testing/log-lines.ts'
import { makeToys, type Toys } from './testing/toys.ts'

let toys: Toys
let world: World
let tenant: Tenant
beforeAll(async () => {
  toys = makeToys()
  world = await openWorld({ features: [toys.feature] })
  tenant = await world.tenant()
})
afterAll(() => world.close())

interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Sends raw bytes, and reads every response until the server closes the connection. */
function exchange(text: string): Promise<RawAnswer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer[]>()
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk))
  // A server that closes with unread bytes resets the connection; what it sent before still counts.
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(parseAnswers(received)))
  socket.setTimeout(15_000, () => {
    reject(new Error(`The server did not close the connection; received so far: ${received}`))
    socket.destroy()
  })
  socket.write(text)
  return promise
}

function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = text
  while (rest !== '') {
    const [head = '', ...bodies] = rest.split('\r\n\r\n')
    const [first = '', ...lines] = head.split('\r\n')
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers.get('content-length') ?? 0)
    const after = bodies.join('\r\n\r\n')
    answers.push({ status: Number(first.split(' ')[1]), headers, body: after.slice(0, length) })
    rest = after.slice(length)
  }
  return answers
}

const good = () =>
  'GET /api/toys?pageSize=1 HTTP/1.1\r\nHost: x\r\n' +
  `Authorization: Bearer ${tenant.apiKey}\r\nX-App-Id: ${tenant.appId}\r\n\r\n`
const create = (name: string) => {
  const body = JSON.stringify({ name })
  const head = `Host: x\r\nAuthorization: Bearer ${tenant.apiKey}\r\nX-App-Id: ${tenant.appId}\r\n`
  const content = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  return `POST /api/toys HTTP/1.1\r\n${head}${content}`
}

function expectProblem(answer: RawAnswer | undefined, status: number, code: string): void {
  expect(answer?.status, JSON.stringify(answer)).toBe(status)
  expect(answer?.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(answer?.headers.get('request-id')).toMatch(/^req_[0-9a-z]{26}$/)
  expect(answer?.headers.get('ratelimit')).toMatch(/^limit=\d+, remaining=\d+, reset=\d+$/)
  expect(answer?.headers.get('ratelimit-policy')).toMatch(/^\d+;w=60$/)
  expect(answer?.headers.get('appstrate-version')).toBe('2026-03-21')
  expect(JSON.parse(answer?.body ?? '')).toMatchObject({
    type: `https://appstrate.dev/errors/${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: expect.stringMatching(/^\//),
    requestId: answer?.headers.get('request-id'),
  })
}

describe('a request that is not valid HTTP', () => {
  it('is answered with the headers that protect browsers', async () => {
    const [answer] = await exchange('hello\r\n\r\n')
    expect(Object.fromEntries(answer?.headers ?? [])).toMatchObject({
      'content-security-policy': expect.stringMatching(/^default-src 'none'/),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': expect.any(String),
    })
  })

  it.each([
    ['a method that does not exist', 'FETCH /api/toys HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a tunnel', 'CONNECT db.internal:5432 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['another version', 'GET /api/toys HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['a header without a colon', 'GET /api/toys HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n'],
    ['a NUL in a header', 'GET /api/toys HTTP/1.1\r\nHost: x\r\nX-App-Id: a\0b\r\n\r\n'],
    ['two lengths', 'POST /api/toys HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
    [
      'a length and chunks',
      'POST /api/toys HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an invalid length', 'POST /api/toys HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['garbage', 'hello\r\n\r\n'],
  ])('is 400 as a problem, and the connection ends: %s', async (_what, text) => {
    const answers = await exchange(text)
    expect(answers).toHaveLength(1)
    expectProblem(answers[0], 400, 'malformed-request')
    expect(answers[0]?.headers.get('connection')).toBe('close')
  })

  it('is 400 without a Host header, unless it is HTTP/1.0', async () => {
    const [answer] = await exchange(`GET /api/toys HTTP/1.1\r\nConnection: close\r\n\r\n`)
    expectProblem(answer, 400, 'malformed-request')
    const [old] = await exchange(good().replace('HTTP/1.1\r\nHost: x', 'HTTP/1.0'))
    expect(old?.status).toBe(200)
  })

  it('is 431 with headers of more than 16 KiB', async () => {
    const [answer] = await exchange(`GET /api/toys HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`)
    expectProblem(answer, 431, 'headers-too-large')
    const [address] = await exchange(`GET /api/toys?x=${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expectProblem(address, 431, 'headers-too-large')
  })

  it('is written to the log, without what was sent', async () => {
    const [answer] = await exchange('SECRET ask_0123456789abcdef HTTP/1.1\r\n\r\n')
    const lines = readLog(world, answer?.headers.get('request-id'))
    expect(lines).toMatchObject([{ status: 400, ip: '127.0.0.1', msg: 'broken request' }])
    expect(JSON.stringify(lines)).not.toMatch(/SECRET|ask_0/)
  })

  it('does not affect the server, which answers the next one', async () => {
    await exchange('\0\0\0\0')
    expect((await tenant.send('GET /api/toys')).status).toBe(200)
  })
})

describe('a broken request after valid ones on the same connection', () => {
  it('is answered after them, in order', async () => {
    const answers = await exchange(`${good()}${good()}NONSENSE\r\n\r\n`)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400])
    expectProblem(answers[2], 400, 'malformed-request')
  })

  it('never precedes the response to a creation that is still in progress', async () => {
    const release = toys.hold('slow')
    const exchanged = exchange(`${create('slow')}NONSENSE\r\n\r\n`)
    await expect.poll(() => toys.begun.includes('slow'), { timeout: 15_000 }).toBe(true)
    release()
    const answers = await exchanged
    expect(answers.map(({ status }) => status)).toEqual([201, 400])
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ name: 'slow' })
  })

  it('is answered once, regardless of the number of its packets', async () => {
    const release = toys.hold('slower')
    const { promise, resolve } = Promise.withResolvers<string>()
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
    let received = ''
    socket
      .setEncoding('utf8')
      .on('data', (chunk: string) => (received += chunk))
      .on('error', () => undefined)
      .on('close', () => resolve(received))
    socket.setNoDelay(true)
    for (const packet of [create('slower'), 'NONSENSE\r\n', 'MORE NONSENSE\r\n', 'STILL MORE\r\n\r\n']) {
      socket.write(packet)
      await new Promise((done) => setTimeout(done, 20))
    }
    release()
    expect(parseAnswers(await promise).map(({ status }) => status)).toEqual([201, 400])
  })
})

describe('valid requests on one connection', () => {
  it('are answered in order, including problems', async () => {
    const answers = await exchange(
      `${good()}${create('')}${good().replace('toys', 'nothing')}` +
        good().replace('Host: x', 'Host: x\r\nConnection: close'),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 404, 200])
    expect(new Set(answers.map(({ headers }) => headers.get('request-id'))).size).toBe(4)
  })

  it('may have an absolute URL, an unknown Expect header, or `*` as their target', async () => {
    const close = (text: string) => text.replace('Host: x', 'Host: x\r\nConnection: close')
    const [absolute] = await exchange(close(good().replace(' /api/toys', ' http://x/api/toys')))
    expect(absolute?.status).toBe(200)
    const [expecting] = await exchange(close(good().replace('Host: x', 'Host: x\r\nExpect: the-unexpected')))
    expect(expecting?.status).toBe(200)
    const [whole] = await exchange('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(whole?.status).toBe(404)
    expect(whole?.headers.get('content-type')).toMatch(/problem\+json/)
  })
})
