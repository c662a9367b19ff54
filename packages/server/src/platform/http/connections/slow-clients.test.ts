import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesFeature } from '../../../features/execution/files/index.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { makeToys } from '../testing/toys.ts'

const waitMs = 15_000

async function open(world: World): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, received: () => received, closed }
}

describe('a body that arrives slowly', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld({
      features: [makeToys().feature, filesFeature],
      environment: { BODY_TIMEOUT_SECONDS: '1' },
    })
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  const head = (route: string, headers: string) =>
    `${route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.apiKey}\r\n` +
    `X-App-Id: ${tenant.appId}\r\n${headers}\r\n\r\n`
  const multipart = 'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 90000000'
  const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

  it.each([
    ['with a length', 'Content-Type: application/json\r\nContent-Length: 1000'],
    ['in chunks', 'Content-Type: application/json\r\nTransfer-Encoding: chunked'],
  ])('is answered 408, and the connection ends: %s', async (_what, headers) => {
    const { socket, received, closed } = await open(world)
    socket.write(head('POST /api/toys', headers))
    const trickle = setInterval(() => socket.write('1\r\n \r\n'), 100)
    await closed
    clearInterval(trickle)
    expect(received()).toMatch(/^HTTP\/1\.1 408 [\s\S]*request-timeout/)
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it('is not read for longer after a reply that came before its end', async () => {
    const { socket, received, closed } = await open(world)
    socket.write('POST /api/toys HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    const trickle = setInterval(() => socket.write(' '), 100)
    await closed
    clearInterval(trickle)
    expect(received()).toMatch(/^HTTP\/1\.1 401 /)
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it('is answered 408 for an upload below the minimum rate', async () => {
    const { socket, received, closed } = await open(world)
    socket.write(head('POST /api/files', multipart) + part)
    const trickle = setInterval(() => socket.write('x'), 100)
    await closed
    clearInterval(trickle)
    expect(received()).toMatch(/^HTTP\/1\.1 408 [\s\S]*request-timeout/)
  })

  it('is accepted for an upload that takes longer than the limit of other bodies', async () => {
    const { socket, received } = await open(world)
    const end = '\r\n--x--\r\n'
    const chunk = 'x'.repeat(50_000)
    const length = part.length + 12 * chunk.length + end.length
    socket.write(head('POST /api/files', multipart.replace('90000000', String(length))) + part)
    for (let index = 0; index < 12; index += 1) {
      socket.write(chunk)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    socket.write(end)
    await expect.poll(received, { timeout: waitMs }).toMatch(/^HTTP\/1\.1 201 /)
    socket.destroy()
  })
})

describe('the connections of one address', () => {
  it('are bounded: one more is answered 429 and closed, until another one closes', async () => {
    const world = await openWorld({ features: [makeToys().feature], environment: { CONNECTIONS_PER_ADDRESS: '3' } })
    const kept = [await open(world), await open(world), await open(world)]
    const more = await open(world)
    await more.closed
    expect(more.received()).toMatch(/^HTTP\/1\.1 429 [\s\S]*Retry-After: [\s\S]*rate-limited/)
    kept[0]?.socket.destroy()
    const answerOfNext = async () => {
      const next = await open(world)
      next.socket.write('GET /api/public-toys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await next.closed
      return next.received().slice(0, 12)
    }
    await expect.poll(answerOfNext, { timeout: waitMs }).toBe('HTTP/1.1 200')
    for (const { socket } of kept) socket.destroy()
    await world.close()
  })

  it('are not counted for a trusted proxy', async () => {
    const world = await openWorld({
      features: [makeToys().feature],
      environment: { CONNECTIONS_PER_ADDRESS: '1', TRUST_PROXY: 'loopback' },
    })
    const kept = [await open(world), await open(world), await open(world)]
    expect((await world.send('GET /api/public-toys')).status).toBe(200)
    for (const { socket } of kept) socket.destroy()
    await world.close()
  })
})
