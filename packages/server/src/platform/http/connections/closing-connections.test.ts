import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { readLog } from '../testing/log-lines.ts'
import { makeToys } from '../testing/toys.ts'

async function open(world: World, text: string): Promise<Socket> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
  // Closing a connection with unread bytes resets it.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

// `once` of node:events would reject at an error, and a write to a connection that is being closed is one.
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

// Without this, Node would wait for half an hour, and the tests would time out.
describe('a server that stops', () => {
  it('does not wait for a connection that is unused, idle, or in the middle of a request', async () => {
    const world = await openWorld({ features: [makeToys().feature] })
    const unused = await open(world, '')
    const half = await open(world, 'POST /api/toys HTTP/1.1\r\nHost: x\r\n')
    const kept = await open(world, 'GET /api/public-toys HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = await once(kept, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
    const ended = Promise.all([unused, half, kept].map(closed))
    await world.close()
    await ended
    expect(readLog(world, 'Connections were closed')).toEqual([])
  })

  it('aborts a slow request body and a response that the client does not read', { timeout: 60_000 }, async () => {
    const toys = makeToys()
    const world = await openWorld({ features: [toys.feature] })
    const { apiKey, appId } = await world.tenant()
    const credentials = `Host: x\r\nAuthorization: Bearer ${apiKey}\r\nX-App-Id: ${appId}\r\n`
    const body = await open(
      world,
      `POST /api/toys HTTP/1.1\r\n${credentials}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name"`,
    )
    const trickle = setInterval(() => body.write(' '), 50).unref()
    const ended = closed(body)
    const name = 'x'.repeat(1_000_000)
    const answer = await open(
      world,
      `POST /api/toys HTTP/1.1\r\n${credentials}Content-Type: application/json\r\n` +
        `Content-Length: ${name.length + 11}\r\n\r\n{"name":"${name}"}`,
    )
    answer.pause()
    await expect.poll(() => toys.begun.length, { timeout: 15_000 }).toBe(1)
    await world.close()
    await ended
    clearInterval(trickle)
    answer.destroy()
    expect(readLog(world, 'Connections were closed')).toMatchObject([{ level: 40 }])
  })

  it('completes a response that is in progress', async () => {
    const toys = makeToys()
    const world = await openWorld({ features: [toys.feature] })
    const tenant = await world.tenant()
    const release = toys.hold('slow')
    const creating = tenant.send('POST /api/toys', { body: { name: 'slow' } })
    await expect.poll(() => toys.begun, { timeout: 15_000 }).toEqual(['slow'])
    const closing = world.close()
    release()
    expect((await creating).status).toBe(201)
    await closing
  })
})
