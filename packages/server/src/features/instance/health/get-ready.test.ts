import { afterEach, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getHealth } from './get-health.ts'
import { getReady } from './get-ready.ts'
import { readiness } from './readiness.ts'

describeEndpoint(getHealth, { given: async () => ({}), call: () => ({}) })
describeEndpoint(getReady, { given: async () => ({}), call: () => ({}) })

describe('readiness', () => {
  let world: World
  afterEach(() => world.close())

  it('names every component that does not work, without further details', async () => {
    world = await openWorld()
    world.platform.use(readiness).add('queue', () => Promise.reject(new Error('has had no heartbeat for 20000 ms')))
    const answer = await world.send('GET /ready')
    expectProblem(getReady, answer, 'not-ready')
    expect(answer.status).toBe(503)
    expect(answer.body.reasons).toEqual(['queue has had no heartbeat for 20000 ms'])
    expect((await world.send('GET /health')).status).toBe(200)
  })

  it('reports a component that hangs, without hanging itself', async () => {
    world = await openWorld()
    world.platform.use(readiness).add('queue', () => new Promise(() => undefined))
    const answer = await world.send('GET /ready')
    expect(answer.body.reasons).toContain('queue does not answer within 2000 ms')
  })

  it('continues without an optional component, and names it', async () => {
    world = await openWorld()
    world.platform.use(readiness).addOptional('log', () => Promise.reject(new Error('dropped 3 lines')))
    const answer = await world.send('GET /ready')
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ status: 'ready', checks: { database: 'ok' }, degraded: ['log dropped 3 lines'] })
  })

  it('ends when the server wants no new traffic, while it still serves and closes each connection', async () => {
    world = await openWorld()
    world.platform.beginDrain()
    expectProblem(getReady, await world.send('GET /ready'), 'shutting-down')
    const posted = await world.send('POST /api/auth/sign-out', { headers: { origin: world.url } })
    expect([posted.status, posted.headers.get('connection')]).toEqual([200, 'close'])
  })

  it('ends as soon as the server starts to stop, while liveness continues', async () => {
    world = await openWorld()
    world.platform.beginStop()
    expectProblem(getReady, await world.send('GET /ready'), 'shutting-down')
    expect((await world.send('GET /health')).status).toBe(200)
  })
})
