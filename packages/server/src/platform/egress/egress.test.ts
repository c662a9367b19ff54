// own-process: changes the environment of the process.
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createEgress, type Egress } from './egress.ts'
import type { GuardedAgentsOptions } from './guarded-agents.ts'
import { localPolicy } from './testing/policies.ts'
import { openReceiver, openTcpReceiver, request, type LocalReceiver } from './testing/receiver.ts'

const closers: (() => Promise<void>)[] = []
const kept = <T extends LocalReceiver | Egress>(one: T): T => {
  closers.push(() => one.close())
  return one
}
const local = (options: Partial<GuardedAgentsOptions> = {}) => kept(createEgress({ policy: localPolicy, ...options }))
const receiver = async (...how: Parameters<typeof openReceiver>) => kept(await openReceiver(...how))
const speaker = async (...how: Parameters<typeof openTcpReceiver>) => kept(await openTcpReceiver(...how))
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of closers.splice(0)) await close()
})

describe('post', () => {
  it('closes an idle connection after the given time, even if the server would keep it longer', async () => {
    const server = await receiver((response) => response.writeHead(200, { 'keep-alive': 'timeout=60' }).end())
    await local({ keepAliveMaxMs: 600_000 }).post(server.url, request())
    await local({ keepAliveMaxMs: 1 }).post(server.url, request())
    await expect.poll(() => server.open(), { timeout: 10_000 }).toBe(1)
    expect(server.connections()).toBe(2)
  })

  it('sends the request and returns the reply', async () => {
    const server = await receiver((response) =>
      response.writeHead(201, { 'x-one': 'a', 'set-cookie': ['b=1', 'c=2'] }).end('thanks'),
    )
    const reply = await local().post(
      `${server.url}hooks?x=1`,
      request({ headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' } }),
    )
    expect(reply).toMatchObject({
      status: 201,
      headers: { 'x-one': 'a', 'set-cookie': 'b=1, c=2' },
      body: 'thanks',
      truncated: false,
    })
    expect(reply.latencyMs).toBeGreaterThanOrEqual(0)
    const headers = {
      'content-type': 'application/json',
      'webhook-id': 'evt_1',
      'accept-encoding': 'identity',
      host: `127.0.0.1:${server.port}`,
    }
    expect(server.received).toMatchObject([{ method: 'POST', url: '/hooks?x=1', body: '{"hello":"world"}', headers }])
  })

  it('does not follow redirects', async () => {
    const target = await receiver((response) => response.end())
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await receiver((response) => response.writeHead(status, { location: target.url }).end())
      expect(await local().post(server.url, request())).toMatchObject({ status, headers: { location: target.url } })
    }
    expect(target.connections()).toBe(0)
  })

  it('truncates a reply that does not end, and closes its connection', async () => {
    const server = await receiver((response) => {
      const more = () => void (response.destroyed || (response.write('x'.repeat(1_000)), setTimeout(more, 1)))
      more()
    })
    expect(await local().post(server.url, request({ responseBytesMax: 2_500 }))).toMatchObject({
      status: 200,
      body: 'x'.repeat(2_500),
      truncated: true,
    })
    await expect.poll(() => server.open(), { timeout: 10_000 }).toBe(0)
  })

  it('truncates between characters, and not a reply that just fits', async () => {
    const server = await receiver((response) => response.end('€€€'))
    const bodies = [9, 8, 3, 1, 0].map(async (responseBytesMax) => {
      const { body, truncated } = await local().post(server.url, request({ responseBytesMax }))
      return [body, truncated]
    })
    expect(await Promise.all(bodies)).toEqual([
      ['€€€', false],
      ['€€', true],
      ['€', true],
      ['', true],
      ['', true],
    ])
  })

  it('does not decompress', async () => {
    const server = await receiver((response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000))),
    )
    const reply = await local().post(server.url, request({ responseBytesMax: 100_000 }))
    expect([reply.truncated, reply.body.length < 100_000]).toEqual([false, true])
  })

  it('uses no proxy', async () => {
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) vi.stubEnv(name, 'http://127.0.0.1:1')
    const server = await receiver((response) => response.end())
    expect((await local().post(server.url, request())).status).toBe(200)
  })
})

describe('a reply that does not come', () => {
  it.each<[string, Parameters<typeof openTcpReceiver>[0]]>([
    ['no byte', () => undefined],
    ['headers byte by byte', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nx-slow: ')],
    ['a body byte by byte', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')],
    [
      'chunks byte by byte',
      (socket) => drip(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'),
    ],
    ['endless interim replies', (socket) => drip(socket, '', 'HTTP/1.1 102 Processing\r\n\r\n')],
  ])('is aborted in time: %s', async (_what, speak) => {
    const server = await speaker(speak)
    await expect(local().post(server.url, request({ timeoutMs: 300 }))).rejects.toMatchObject({
      name: 'EgressError',
      code: 'egress-timeout',
    })
    await expect.poll(() => server.open(), { timeout: 10_000 }).toBe(0)
  })

  it('is aborted when the name does not resolve in time', async () => {
    const lookup = Promise.withResolvers<never>()
    const egress = local({ resolve: () => lookup.promise })
    await expect(egress.post('http://hooks.example/', request({ timeoutMs: 100 }))).rejects.toMatchObject({
      code: 'egress-timeout',
    })
    // The socket waits for the lookup.
    lookup.reject(new Error('The test is over.'))
  })

  it("is aborted by the caller's signal, before and during the call", async () => {
    const server = await speaker(() => undefined)
    await expect(local().post(server.url, request({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'egress-aborted',
    })
    expect(server.connections()).toBe(0)
    const controller = new AbortController()
    const pending = local().post(server.url, request({ signal: controller.signal }))
    setTimeout(() => controller.abort(), 50)
    await expect(pending).rejects.toMatchObject({ code: 'egress-aborted' })
    await expect.poll(() => server.open(), { timeout: 10_000 }).toBe(0)
  })

  it.each<[string, string, Parameters<typeof openTcpReceiver>[0]]>([
    ['egress-connection-lost', 'closed at once', (socket) => socket.destroy()],
    [
      'egress-connection-lost',
      'closed in the body',
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')),
    ],
    ['egress-bad-reply', 'not HTTP', (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))],
    [
      'egress-bad-reply',
      'too many headers',
      (socket) => socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`)),
    ],
  ])('is reported as %s when it is %s', async (code, _what, speak) => {
    await expect(local().post((await speaker(speak)).url, request())).rejects.toMatchObject({ code })
  })

  it('is reported as refused when no server listens, without an address', async () => {
    // Not a port that was free before: another process may use it by now.
    await expect(local().post('http://127.0.0.1:1/', request())).rejects.toMatchObject({
      code: 'egress-connection-refused',
      message: 'The connection was refused.',
    })
  })
})

function drip(socket: { write(text: string): unknown; destroyed: boolean }, beginning: string, drop = 'x'): void {
  socket.write(beginning)
  const more = () => void (socket.destroyed || (socket.write(drop), setTimeout(more, 10)))
  more()
}
