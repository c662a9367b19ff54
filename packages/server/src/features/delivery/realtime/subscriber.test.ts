import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { beginning } from './position.ts'
import { eventFrame, pingFrame } from './source.ts'
import { Subscriber } from './subscriber.ts'

const source = { kind: 'run', runId: 'r', organizationId: 'o', applicationId: 'a' } as const
let server: Server
let accept: (response: ServerResponse) => void
const sockets: Socket[] = []
beforeAll(async () => {
  server = createServer((_request, response) => accept(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** A stream to a client that reads nothing until its socket is resumed. */
async function connectLazily(): Promise<{ subscriber: Subscriber; response: ServerResponse; socket: Socket }> {
  const response = await new Promise<ServerResponse>((resolve) => {
    accept = resolve
    const address: AddressInfo = Object(server.address())
    const socket = connect(address.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')).pause()
    socket.on('error', () => undefined)
    sockets.push(socket)
  })
  response.writeHead(200)
  const socket = sockets.at(-1)
  if (socket === undefined) throw new Error('There is no socket.')
  const subscriber = new Subscriber({
    response,
    source,
    position: beginning,
    since: undefined,
    version: 'v',
    endUserId: null,
    holder: { userId: 'u', sessionId: 's' },
    openedAtMs: 0,
    expiresAtMs: Infinity,
  })
  return { subscriber, response, socket }
}

const frame = eventFrame({ name: 'run_log', id: '1', data: `"${'x'.repeat(60_000)}"` })

it('disconnects a client that does not read, before more than 1 MiB is buffered for it', async () => {
  const { subscriber, response } = await connectLazily()
  let most = 0
  for (let writes = 0; writes < 2_000 && subscriber.isOpen; writes += 1) {
    subscriber.write(frame)
    most = Math.max(most, response.writableLength)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(subscriber.isOpen).toBe(false)
  expect(most).toBeLessThan(1_048_576 + 3 * frame.length)
})

it('pauses a replay at 256 KiB of unsent data, until the client reads', async () => {
  const { subscriber, response, socket } = await connectLazily()
  while (!subscriber.isFull) {
    subscriber.write(frame)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(response.writableLength).toBeLessThan(262_144 + 2 * frame.length)
  let isDrained = false
  const drained = subscriber.drained().then(() => (isDrained = true))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isDrained).toBe(false)
  socket.resume()
  await drained
  expect(response.writableLength).toBe(0)
  expect(subscriber.isOpen).toBe(true)
})

it('disconnects a client that read nothing between two pings, and sends it no ping', async () => {
  const { subscriber, response, socket } = await connectLazily()
  while (!subscriber.isFull) {
    subscriber.write(frame)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const waiting = response.writableLength
  subscriber.tick(pingFrame())
  expect(response.writableLength).toBe(waiting)
  expect(subscriber.isOpen).toBe(true)
  subscriber.tick(pingFrame())
  expect(subscriber.isOpen).toBe(false)
  const drained = subscriber.drained()
  socket.resume()
  await drained
})

it('disconnects a client that never reads the end of its stream', async () => {
  const { subscriber, response } = await connectLazily()
  while (!subscriber.isFull) {
    subscriber.write(frame)
    await new Promise((resolve) => setImmediate(resolve))
  }
  subscriber.end()
  subscriber.tick(pingFrame())
  expect(response.destroyed).toBe(false)
  subscriber.tick(pingFrame())
  await vi.waitFor(() => expect(response.destroyed).toBe(true), { timeout: 15_000 })
})
