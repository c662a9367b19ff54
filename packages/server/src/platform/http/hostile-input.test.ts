import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findGrowth } from '../../testing/growth.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { maskSecrets } from '../log/log.ts'
import { patternOf } from './api.ts'
import { parseIdempotencyKey } from './idempotency/idempotency.ts'
import { pathOf } from './problem-reply.ts'
import { isDecodable, routedUrl } from './request-url.ts'
import { makeToys } from './testing/toys.ts'

/** Texts that make a badly written expression walk back again and again. */
const pieces = [
  ...[
    '@',
    '/@',
    '@a/',
    '/@/',
    '/',
    '//',
    '?',
    '%',
    '%4',
    '%41',
    '%zz',
    ' ',
    '\t',
    ',',
    ';',
    '"',
    '\\',
    '\\"',
    '=',
    '-',
  ],
  ...[
    'a',
    'aA',
    '0',
    '.',
    '..',
    '../',
    ':',
    '*',
    '(',
    '[',
    '{',
    '&',
    '&a',
    '&a=',
    '#',
    'é',
    '\u00ff',
    '::',
    '1,',
    '1-',
  ],
  ...[
    'ask_',
    '_ask_',
    'token=',
    '&token=',
    'session_token=',
    '/invite/',
    '/invitations/',
    '/api/auth/',
    'a-',
    'bytes=',
  ],
  ...['wait=', 'wait ', 'wait', 'bearer ', 'http://', '00-', 'text/html,', 'gzip;q=', 'boundary=', '127.0.0.1,', 'a; '],
]

const repeat = (piece: string, size: number) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size)

const readers: readonly (readonly [name: string, read: (text: string) => unknown, before: string])[] = [
  ['routedUrl', routedUrl, '/api/'],
  ['isDecodable', isDecodable, '/api/'],
  ['maskSecrets', maskSecrets, ''],
  ['pathOf', pathOf, '/api/auth/'],
  ['patternOf, with a wildcard', (text) => patternOf('/api/auth/*').test(text), '/api/auth/'],
  ['patternOf, with parameters', (text) => patternOf('/api/a/:x/b/:y').test(text), '/api/a/'],
  ['parseIdempotencyKey', (text) => quietly(() => parseIdempotencyKey([text], [], Buffer.alloc(0))), '"'],
]

function quietly(work: () => unknown): void {
  try {
    work()
  } catch {
    // Only the time matters.
  }
}

describe('reading a text of a stranger takes linear time', () => {
  it.each(readers)('%s', async (_name, read, before) => {
    const findings: string[] = []
    for (const piece of pieces) {
      const growth = await findGrowth(16_000, (size) => read(before + repeat(piece, size)))
      if (growth !== undefined) findings.push(`${JSON.stringify(piece)}: ${growth}`)
    }
    expect(findings).toEqual([])
  })
})

/** Names of the headers that the server, its framework or the auth library reads. */
const headerNames = [
  ...['authorization', 'cookie', 'accept', 'accept-encoding', 'range', 'if-range', 'prefer', 'last-event-id'],
  ...['traceparent', 'content-type', 'content-encoding', 'origin', 'referer', 'host', 'user-agent', 'x-org-id'],
  ...['x-app-id', 'appstrate-user', 'appstrate-version', 'idempotency-key', 'x-forwarded-for', 'x-forwarded-host'],
  ...['x-forwarded-proto', 'access-control-request-headers', 'connection', 'expect', 'if-none-match'],
]

/** Requests that are slower than this could block the server for others. */
const requestMsMax = 60

describe('a request with hostile headers or a hostile URL', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [makeToys().feature], environment: { TRUST_PROXY: 'loopback' } })
  })
  afterAll(() => world.close())

  function send(path: string, headers: Record<string, string>): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const sent = httpRequest(`${world.url}/`, { method: 'POST', path, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject).end()
    return promise
  }

  /** Retries, because a busy machine makes any request slow at times. */
  async function findSlow(path: string, headers: Record<string, string>): Promise<boolean> {
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const startedMs = performance.now()
      const status = await send(path, headers)
      expect(status).toBeLessThan(500)
      if (performance.now() - startedMs < requestMsMax) return false
    }
    return true
  }

  it('is answered quickly, regardless of the header', async () => {
    const slow: string[] = []
    for (const name of headerNames)
      for (const piece of pieces) {
        const headers = { [name]: repeat(piece.replaceAll(/[^\t\x20-\xff]/g, 'x'), 15_000) }
        if (await findSlow('/api/toys', headers)) slow.push(`${name}: ${JSON.stringify(piece)}`)
      }
    expect(slow).toEqual([])
  }, 120_000)

  it('is answered quickly, regardless of the path and the query', async () => {
    const slow: string[] = []
    for (const before of ['/api/', '/', '/api/toys?', '/api/toys/', '/invite/', '/api/toys?a='])
      for (const piece of pieces) {
        const text = repeat(piece, 15_000).replaceAll(/[^\x21-\x7e]/g, 'x')
        if (await findSlow(before + text, {})) slow.push(`${before}${JSON.stringify(piece)}`)
      }
    expect(slow).toEqual([])
  }, 120_000)

  it('is answered quickly with thousands of headers or of parameters', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`x-${index}`, '']))
    expect(await findSlow('/api/toys', many)).toBe(false)
    for (const parameter of ['a&', 'a=&', '__proto__=1&', 'token=1&'])
      expect(await findSlow(`/api/toys?${repeat(parameter, 15_000)}`, {})).toBe(false)
  })
})
