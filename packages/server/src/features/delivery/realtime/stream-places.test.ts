import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { realtimeFeature } from './index.ts'
import { streamRun } from './stream-run.ts'
import { streamRuns } from './stream-runs.ts'
import { openSse, type SseStream } from './testing/sse-stream.ts'

describe('the number of open streams', () => {
  let world: World
  const opened: SseStream[] = []
  beforeAll(async () => {
    const environment = { STREAMS_PER_CALLER: '3', STREAMS_PER_ORGANIZATION: '5' }
    world = await openWorld({ features: [realtimeFeature], environment })
  })
  afterAll(async () => {
    for (const stream of opened) stream.close()
    await world.close()
  })

  const open = async (secret: string, path = 'runs', query = '') => {
    const stream = await openSse(`${world.url}/api/realtime/${path}?token=${secret}${query}`)
    opened.push(stream)
    return stream
  }

  it('is limited for a caller on all routes together; a closed stream gives its place back', async () => {
    const tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant)
    const streams = [
      await open(tenant.apiKey),
      await open(tenant.apiKey, `runs/${run.wireId}`),
      await open(tenant.apiKey, `agents/${run.agent.wireId}/runs`),
    ]
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200])
    const refused = await tenant.send('GET /api/realtime/runs')
    expectProblem(streamRuns, refused, 'too-many-streams')
    expect(refused.body).toMatchObject({ limit: 3, detail: expect.stringContaining('3 open streams') })
    expect(refused.headers.get('retry-after')).toBe('5')
    expectProblem(streamRun, await tenant.send(`GET /api/realtime/runs/${run.wireId}`), 'too-many-streams')
    expect((await open((await tenant.key()).apiKey)).status).toBe(200)
    expect((await open((await world.tenant()).apiKey)).status).toBe(200)
    streams[0]?.close()
    await vi.waitFor(async () => expect((await open(tenant.apiKey)).status).toBe(200), { timeout: 15_000 })
  })

  it('is limited for an end-user, and for the organization', async () => {
    const tenant = await world.tenant()
    const [ada, bob] = [await tenant.endUser(), await tenant.endUser()]
    const statuses: (number | undefined)[] = []
    for (const endUser of [ada, ada, ada, ada, bob, bob, bob])
      statuses.push((await open(tenant.apiKey, 'runs', `&endUser=${endUser}`)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 200, 200, 429])
  })

  it('does not count clients that disconnected while they connected', async () => {
    const tenant = await world.tenant()
    for (let delayMs = 0; delayMs < 20; delayMs += 1) {
      const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(`GET /api/realtime/runs?token=${tenant.apiKey} HTTP/1.1\r\nhost: x\r\n\r\n`)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      socket.destroy()
    }
    const count = async () => {
      const streams = await Promise.all([1, 2, 3].map(() => open(tenant.apiKey)))
      for (const stream of streams) stream.close()
      return streams.map(({ status }) => status)
    }
    await vi.waitFor(async () => expect(await count()).toEqual([200, 200, 200]), { timeout: 15_000 })
  })
})
