import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEgress, EgressRefused } from '../../../../platform/egress/egress.ts'
import { localPolicy } from '../../../../platform/egress/testing/policies.ts'
import { step } from './step.ts'
import { failureOfCall, silentLog, stepRequest, targetAt } from './testing/model-calls.ts'
import { startRawProvider, type RawProvider } from './testing/raw-provider.ts'
import { testConnection } from './test-connection.ts'

/** URLs that must never be connected to: none of them can be a model server. */
const refused = [
  'http://169.254.169.254',
  'http://[::ffff:a9fe:a9fe]',
  'http://[fe80::1]',
  'http://0.0.0.0:8080',
  'http://224.0.0.1',
  'http://[fd00:ec2::254]',
]

const { fetch } = createEgress({ policy: localPolicy })
let provider: RawProvider
beforeAll(async () => {
  provider = await startRawProvider(
    (reply) => void reply.writeHead(302, { location: 'http://169.254.169.254/' }).end('elsewhere'),
  )
})
afterAll(() => provider.close())

const get = (url: string) =>
  fetch(url, { method: 'GET', headers: new Headers({ 'x-test': 'yes' }), body: null, signal: null })

test.each(refused)('%s is called neither by a run nor by a connection test', async (url) => {
  await expect(get(url)).rejects.toMatchObject({ cause: expect.any(EgressRefused) })
  expect(await testConnection(targetAt(url, 'm'), { timeoutMs: 20_000, log: silentLog })).toMatchObject({
    ok: false,
    error: 'BLOCKED_URL',
  })
  expect(await failureOfCall(step(targetAt(url, 'm'), stepRequest()))).toMatchObject({
    kind: 'connection',
    retryable: false,
    message: expect.stringContaining('must not be called'),
  })
})

test('reaches loopback by address and by name, and returns a redirect unchanged', async () => {
  for (const url of [provider.url, provider.url.replace('127.0.0.1', 'localhost')]) {
    const reply = await get(`${url}/x`)
    expect([reply.status, await reply.text(), reply.headers.get('location')]).toEqual([
      302,
      'elsewhere',
      'http://169.254.169.254/',
    ])
  }
  expect(provider.seen.map(({ path, headers }) => [path, headers['x-test']])).toEqual([
    ['/x', 'yes'],
    ['/x', 'yes'],
  ])
})

test('ends a call when its signal aborts', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  const abort = new AbortController()
  const connected = once(silent, 'connection')
  const call = fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, {
    method: 'POST',
    headers: new Headers(),
    body: '{}',
    signal: abort.signal,
  })
  await connected
  abort.abort()
  await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  silent.close()
})
