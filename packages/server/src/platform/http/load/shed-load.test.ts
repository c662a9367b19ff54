import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { loadShedder } from './load-shedder.ts'

const connectionsMax = 10

describe('a server that has too much to do', () => {
  let world: World
  let flood: Tenant
  let calm: Tenant
  beforeAll(async () => {
    world = await openWorld({ environment: { OVERLOAD_WAIT_MS: '20' } })
    ;[flood, calm] = [await world.tenant(), await world.tenant()]
    for (const { send } of [flood, calm]) expect((await send('GET /api/webhooks')).status).toBe(200)
  })
  afterAll(() => world.close())

  /** Runs `during` while the flood has as many requests in progress as it may. */
  const whileOverloaded = async (during: () => Promise<void>) => {
    const shedder = world.platform.use(loadShedder)
    const entrant = { owner: flood.organizationId, isKnown: true, isCreation: false }
    const ends: (() => void)[] = []
    for (let end = shedder.enter(entrant); end !== undefined; end = shedder.enter(entrant)) ends.push(end)
    try {
      await during()
    } finally {
      for (const end of ends) end()
    }
  }

  it('refuses requests of the busiest organization at once, with a problem that says when to try again', async () => {
    await whileOverloaded(async () => {
      for (const refused of [await flood.send('GET /api/agents'), await flood.send('GET /api/agents')]) {
        expect(refused.status).toBe(503)
        expect(refused.body.type).toBe('https://appstrate.dev/errors/service-unavailable')
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
        expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(5)
        // Every reply of the API has these, also one that was refused before its key was checked.
        expect(refused.headers.get('ratelimit')).toMatch(/^limit=\d+/)
      }
    })
  })

  it('serves other organizations, people who sign in, and those who ask whether it lives', async () => {
    await whileOverloaded(async () => {
      expect((await calm.send('GET /api/webhooks')).status).toBe(200)
      expect((await calm.send('POST /api/end-users', { body: { externalId: 'e' } })).status).toBe(201)
      expect((await world.send('GET /health')).status).toBe(200)
      const signIn = await world.send('POST /api/auth/sign-in/email', {
        body: { email: 'a@example.com', password: 'wrong' },
        headers: { origin: 'http://localhost:0' },
      })
      expect(signIn.status).toBe(401)
    })
  })

  it('refuses before the body is read', async () => {
    await whileOverloaded(async () => {
      const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
      const reply = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())))
      const head = [
        'POST /api/agents HTTP/1.1',
        'Host: 127.0.0.1',
        `Authorization: Bearer ${flood.apiKey}`,
        `X-App-Id: ${flood.appId}`,
        'Content-Type: application/json',
        'Content-Length: 1000',
      ]
      // No byte of the body is sent.
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      expect(await reply).toContain('HTTP/1.1 503 ')
      socket.destroy()
    })
  })

  it('logs it once, and names it where it is asked whether it is ready', async () => {
    const before = world.logLines.length
    await whileOverloaded(async () => {
      for (let i = 0; i < 3; i += 1) expect((await flood.send('GET /api/agents')).status).toBe(503)
      const ready = await world.send('GET /ready')
      expect(ready.body.degraded).toContainEqual(expect.stringMatching(/^load is too high: \d+ requests were refused$/))
    })
    const logged = world.logLines.slice(before).map((line) => JSON.parse(line))
    expect(
      logged.filter(({ msg }) => msg === 'The request failed.').filter(({ err }) => err?.type === 'Problem'),
    ).toEqual([])
    const episodes = world.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => /^The load is too/.test(msg))
    expect(episodes.length).toBeGreaterThanOrEqual(1)
    expect(episodes.length).toBeLessThanOrEqual(4)
  })

  it('lets fewer requests wait when the database is slow, and more when it is not', async () => {
    const shedder = world.platform.use(loadShedder)
    const most = 128
    await expect.poll(() => shedder.limit, { timeout: 20_000 }).toBe(most)
    const over = Promise.withResolvers<void>()
    const db = world.platform.database.dbOf(flood.organizationId)
    const held = Array.from({ length: connectionsMax }, () => db.transaction().execute(() => over.promise))
    const stuck = Array.from({ length: 110 }, () => flood.send('GET /api/agents'))
    await expect.poll(() => shedder.limit, { timeout: 20_000 }).toBeLessThan(100)
    over.resolve()
    await Promise.all([...held, ...stuck])
    await expect.poll(() => shedder.limit, { timeout: 30_000 }).toBe(most)
  }, 60_000)

  it('does not count requests that wait: for their body, for the end of a run, or as a stream', async () => {
    const shedder = world.platform.use(loadShedder)
    const sockets = Array.from({ length: 20 }, () => connect(Number(new URL(world.url).port), '127.0.0.1'))
    const headers = `Host: x\r\nAuthorization: Bearer ${calm.apiKey}\r\nX-App-Id: ${calm.appId}\r\n`
    const head = `POST /api/end-users HTTP/1.1\r\n${headers}`
    for (const socket of sockets)
      socket.write(`${head}Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{"externalId"`)
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    const stream = await fetch(`${world.url}/api/realtime/runs?token=${calm.apiKey}`)
    await expect.poll(() => shedder.inProgress).toBe(0)
    await stream.body?.cancel()
    for (const socket of sockets) socket.destroy()
  })
})
