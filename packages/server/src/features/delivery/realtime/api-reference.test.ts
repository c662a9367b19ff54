import { spawn } from 'node:child_process'
import { EventSource } from 'eventsource'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { appendEvent, insertRun, summaryOf } from '../../../testing/factories/run.ts'
import { createSessionCookie } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { realtimeFeature } from './index.ts'
import { defaultTimings, realtimeHub } from './realtime-hub.ts'
import { openSse } from './testing/sse-stream.ts'

// Each test is named by the sentence of the API reference that it proves.
describe('SSE Streaming (Realtime)', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld({ features: [realtimeFeature] })
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  it(
    '"The API exposes SSE endpoints for tracking runs in real time. ' +
      'Events include run status changes and log entries."',
    async () => {
      const run = await insertRun(world.platform, tenant)
      const received: string[] = []
      const source = new EventSource(`${world.url}/api/realtime/runs/${run.wireId}?token=${tenant.apiKey}`)
      await new Promise((resolve) => source.addEventListener('open', resolve))
      source.addEventListener('run_update', ({ data }) => received.push(`status ${JSON.parse(data).status}`))
      source.addEventListener('run_log', ({ data }) => received.push(`log ${JSON.parse(data).message}`))
      // The events must arrive by wake-up, not by the fallback poll.
      world.platform.use(realtimeHub).setTimings({ pollMs: 600_000 })
      await appendEvent(world.platform, run, { status: 'running' })
      await appendEvent(world.platform, run, { message: 'an entry' })
      await vi.waitFor(() => expect(received).toEqual(['status running', 'log an entry']), {
        timeout: 15_000,
        interval: 5,
      })
      world.platform.use(realtimeHub).setTimings(defaultTimings)
      source.close()
    },
  )

  it('"GET /api/realtime/runs/:id — Single run (historical replay + live logs)"', async () => {
    const run = await insertRun(world.platform, tenant)
    await appendEvent(world.platform, run, { message: 'history' })
    const stream = await openSse(`${world.url}/api/realtime/runs/${run.wireId}?token=${tenant.apiKey}`)
    await stream.until(() => stream.runEvents.length === 1)
    await appendEvent(world.platform, run, { message: 'live' })
    await stream.until(() => stream.runEvents.length === 2)
    expect(stream.runEvents.map(({ data }) => data.message)).toEqual(['history', 'live'])
    stream.close()
  })

  it(
    '"GET /api/realtime/agents/:id/runs — All runs for an agent", ' +
      '"GET /api/realtime/runs — All runs across the application"',
    async () => {
      const [one, other] = [await insertRun(world.platform, tenant), await insertRun(world.platform, tenant)]
      const ofAgent = await openSse(`${world.url}/api/realtime/agents/${one.agent.wireId}/runs?token=${tenant.apiKey}`)
      const ofApplication = await openSse(`${world.url}/api/realtime/runs?token=${tenant.apiKey}`)
      for (const stream of [ofAgent, ofApplication]) await stream.until(() => stream.events.length > 0)
      await appendEvent(world.platform, other, { message: 'other' })
      await appendEvent(world.platform, one, { message: 'one' })
      await Promise.all([
        ofAgent.until(() => ofAgent.runEvents.length === 1),
        ofApplication.until(() => ofApplication.runEvents.length === 2),
      ])
      expect(ofAgent.runEvents.map(({ data }) => data.message)).toEqual(['one'])
      expect(ofApplication.runEvents.map(({ data }) => data.message)).toEqual(['other', 'one'])
      ofAgent.close()
      ofApplication.close()
    },
  )

  it(
    '"SSE (Server-Sent Events) endpoints do not support custom headers via EventSource. ' +
      'Pass the API key as a query parameter"',
    async () => {
      const run = await insertRun(world.platform, tenant)
      const codes: (number | undefined)[] = []
      const without = new EventSource(`${world.url}/api/realtime/runs/${run.wireId}`)
      without.addEventListener('error', ({ code }) => codes.push(code))
      await vi.waitFor(() => expect(codes).toEqual([401]), { timeout: 15_000 })
      const wrong = await openSse(`${world.url}/api/realtime/runs/${run.wireId}?token=ask_${'0'.repeat(48)}`)
      expect(wrong.status).toBe(401)
      const source = new EventSource(`${world.url}/api/realtime/runs/${run.wireId}?token=${tenant.apiKey}`)
      await new Promise((resolve) => source.addEventListener('ping', resolve))
      source.close()
      without.close()
    },
  )

  it('"Connection example with API key: curl -N -H "Accept: text/event-stream" …?token=ask_your_key"', async () => {
    const run = await insertRun(world.platform, tenant)
    await appendEvent(world.platform, run, { status: 'success' })
    const url = `${world.url}/api/realtime/runs/${run.wireId}?token=${tenant.apiKey}`
    const curl = spawn('curl', ['-sN', '-H', 'Accept: text/event-stream', url])
    let output = ''
    curl.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const code = await new Promise((resolve) => curl.on('close', resolve))
    expect(code).toBe(0)
    const [, data = ''] = /event: run_update\nid: 1\ndata: (.*)\n\n/.exec(output) ?? []
    expect(JSON.parse(data)).toEqual(await summaryOf(world.platform, run, 'success'))
  })

  it('"For cookie-based authentication, standard headers (Cookie, X-Org-Id) are used normally."', async () => {
    const run = await insertRun(world.platform, tenant)
    const cookie = await createSessionCookie(world.platform, tenant.userId)
    const url = `${world.url}/api/realtime/runs/${run.wireId}`
    const byHeaders = await openSse(url, { cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId })
    const byQuery = await openSse(`${url}?orgId=${tenant.orgId}&appId=${tenant.appId}`, { cookie })
    expect([byHeaders.status, byQuery.status]).toEqual([200, 200])
    const stranger = await world.tenant()
    expect((await openSse(url, { cookie, 'x-org-id': stranger.orgId, 'x-app-id': stranger.appId })).status).toBe(404)
    expect((await openSse(url, { cookie })).status).toBe(400)
    byHeaders.close()
    byQuery.close()
  })
})
