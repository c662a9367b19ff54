import { createServer as createTcpServer } from 'node:net'
import { once } from 'node:events'
import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelApis } from './model-target.ts'
import { testConnection } from './test-connection.ts'
import { startRawProvider } from './testing/raw-provider.ts'
import { noHost, nobodyAt, silentLog, targetAt, testKey } from './testing/model-calls.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ apiKey: testKey })
})
afterAll(() => server.close())

/** Long enough that no test reaches it by accident. */
const limits = { timeoutMs: 15_000, log: silentLog }

test.each(modelApis)('%s: the right key is accepted, a wrong one is not, and no model is called', async (api) => {
  const target = targetAt(server.url, 'hello', api)
  expect(await testConnection(target, limits)).toEqual({ ok: true, latencyMs: expect.any(Number) })
  expect(server.requests.last()).toMatchObject({
    method: 'GET',
    path: `${new URL(target.baseUrl ?? '').pathname}/models`,
  })
  const refused = await testConnection({ ...target, apiKey: 'sk-wrong-key' }, limits)
  expect(refused).toMatchObject({ ok: false, error: 'AUTH_FAILED' })
  expect(JSON.stringify(refused)).not.toContain('sk-wrong-key')
})

test('reports an unexpected answer of the provider', async () => {
  const cases: [number, string, string][] = [
    [200, '<html>', 'text/html'],
    [500, JSON.stringify({ error: { message: `Broken ${testKey}` } }), 'application/json'],
    [
      400,
      JSON.stringify({ error: { message: 'API key not valid. Please pass a valid API key.' } }),
      'application/json',
    ],
    [302, '', 'text/plain'],
  ]
  let next: (typeof cases)[number] | undefined
  const provider = await startRawProvider((reply) => {
    const [status, body, type] = next ?? [500, '', '']
    reply.writeHead(status, { 'content-type': type, location: `${server.url}/v1/models` }).end(body)
  })
  const results = []
  for (next of cases) results.push(await testConnection(targetAt(provider.url, 'm'), limits))
  await provider.close()
  expect(results).toMatchObject([
    { error: 'PROVIDER_ERROR' },
    { error: 'PROVIDER_ERROR', message: 'The provider answered with status 500: Broken [redacted]' },
    { error: 'AUTH_FAILED' },
    { error: 'PROVIDER_ERROR', message: expect.stringContaining('302') },
  ])
})

test('distinguishes the reasons why no answer arrives', async () => {
  const silent = await startRawProvider(() => undefined)
  const dropping = createTcpServer((socket) => socket.once('data', () => socket.destroy()))
  dropping.listen(0, '127.0.0.1')
  await once(dropping, 'listening')
  const address = dropping.address()
  const dropUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const errorAt = async (url: string, { timeoutMs }: { timeoutMs: number } = limits) => {
    const result = await testConnection(targetAt(url, 'm'), { ...limits, timeoutMs })
    return result.ok ? 'ok' : result.error
  }
  expect(await errorAt(silent.url, { timeoutMs: 50 })).toBe('TIMEOUT')
  expect(await errorAt(silent.url.replace('http:', 'https:'))).toBe('TLS_ERROR')
  expect(await errorAt(dropUrl)).toBe('CONNECTION_RESET')
  await silent.close()
  dropping.close()
  expect(await errorAt(nobodyAt)).toBe('CONNECTION_REFUSED')
  expect(await errorAt(noHost)).toBe('DNS_ERROR')
  expect(await errorAt('ftp://127.0.0.1')).toBe('PROVIDER_ERROR')
})
