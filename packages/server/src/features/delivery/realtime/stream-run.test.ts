import { EventSource } from 'eventsource'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createVersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { newWireId, toWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { appendEvent, appendLogs, insertRun, summaryOf, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { realtimeFeature } from './index.ts'
import { streamRun } from './stream-run.ts'
import { openSse, type SseStream } from './testing/sse-stream.ts'

const older = '2025-01-01'
const versions = createVersionRegistry([
  { date: '2026-03-21', changes: [] },
  {
    date: older,
    changes: [
      { appliesTo: 'event:run_update', downgradeReply: (body) => ({ ...Object(body), state: Object(body).status }) },
      { appliesTo: 'event:run_log', downgradeReply: (body) => ({ text: Object(body).message }) },
    ],
  },
])
const options = { features: [realtimeFeature], versions }

async function endedRun(world: World, tenant: Tenant): Promise<InsertedRun> {
  const run = await insertRun(world.platform, tenant)
  await appendEvent(world.platform, run, { status: 'running' })
  await appendEvent(world.platform, run, { message: 'at work', data: { 'line\nbreak': 'ü\u2028' } })
  await appendEvent(world.platform, run, { status: 'success' })
  return run
}

describeEndpoint(streamRun, {
  given: (tenant, world) => endedRun(world, tenant),
  call: (run) => ({ params: { runId: run.wireId } }),
  world: options,
})

describe('the stream of a run', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())
  const urlOf = (run: { wireId: string }, query = '') =>
    `${world.url}/api/realtime/runs/${run.wireId}?token=${tenant.apiKey}${query}`
  const open = (run: InsertedRun, headers: Record<string, string> = {}, query = '') =>
    openSse(urlOf(run, query), headers)
  const newRun = () => insertRun(world.platform, tenant)

  it('replays the history, and ends after the terminal event', async () => {
    const run = await endedRun(world, tenant)
    const stream = await open(run)
    await stream.closed()
    expect(stream.status).toBe(200)
    expect(stream.text).toMatch(/^retry: 2000\n\nevent: ping\ndata: \{\}\n\n/)
    expect(stream.runEvents.map(({ event, id }) => [event, id])).toEqual([
      ['run_update', '1'],
      ['run_log', '2'],
      ['run_update', '3'],
    ])
    expect(stream.runEvents[0]?.data).toEqual(await summaryOf(world.platform, run, 'running'))
    expect(stream.runEvents[1]?.data).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-z]{26}$/),
      runId: run.wireId,
      seq: 2,
      type: 'progress',
      level: 'info',
      event: 'progress',
      message: 'at work',
      data: { 'line\nbreak': 'ü\u2028' },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(Object.keys(stream.runEvents[1]?.data)).toEqual([
      'id',
      'runId',
      'seq',
      'type',
      'level',
      'event',
      'message',
      'data',
      'createdAt',
    ])
  })

  it('has the headers of a stream and those of every reply', async () => {
    const { headers, close } = await open(await newRun())
    expect(headers.get('content-type')).toBe('text/event-stream')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-accel-buffering')).toBe('no')
    expect(headers.get('request-id')).toMatch(/^req_/)
    expect(headers.get('ratelimit')).toMatch(/^limit=\d+, remaining=\d+, reset=\d+$/)
    expect(headers.get('appstrate-version')).toBe('2026-03-21')
    close()
  })

  it('goes from the history to live events without a gap or a duplicate, while the run is active', async () => {
    const run = await newRun()
    await appendLogs(world.platform, run, 1_100)
    const streams: SseStream[] = []
    for (let round = 0; round < 12; round += 1) {
      // Not awaited one by one, so that a stream opens while events are written.
      const [stream] = await Promise.all([
        open(run),
        appendLogs(world.platform, run, 40),
        appendEvent(world.platform, run, { message: 'x' }),
      ])
      streams.push(stream)
    }
    const last = await appendEvent(world.platform, run, { status: 'failed' })
    for (const stream of streams) {
      await stream.closed()
      expect(stream.runEvents.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: last }, (_, index) => index + 1),
      )
    }
  })

  it('resumes after Last-Event-ID, which takes precedence over ?after=', async () => {
    const run = await endedRun(world, tenant)
    const after = await open(run, {}, '&after=1')
    await after.closed()
    expect(after.runEvents.map(({ id }) => id)).toEqual(['2', '3'])
    const resumed = await open(run, { 'last-event-id': '2' }, '&after=1')
    await resumed.closed()
    expect(resumed.runEvents.map(({ id }) => id)).toEqual(['3'])
    const fromStart = await open(run, {}, '&after=0')
    await fromStart.closed()
    expect(fromStart.runEvents).toHaveLength(3)
  })

  it('answers 204 to a reconnect after the last event of an ended run, so that EventSource stops', async () => {
    const run = await endedRun(world, tenant)
    const answer = await tenant.send(`GET /api/realtime/runs/${run.wireId}`, { headers: { 'last-event-id': '3' } })
    expect([answer.status, answer.text]).toEqual([204, ''])
    // A log entry after the end is not sent either, because the stream ended before it.
    await appendEvent(world.platform, run, { message: 'late' })
    expect(
      (await tenant.send(`GET /api/realtime/runs/${run.wireId}`, { headers: { 'last-event-id': '3' } })).status,
    ).toBe(204)

    const events: string[] = []
    const source = new EventSource(urlOf(run))
    const failures: (number | undefined)[] = []
    source.addEventListener('run_update', ({ lastEventId }) => events.push(lastEventId))
    source.addEventListener('run_log', ({ lastEventId }) => events.push(lastEventId))
    source.addEventListener('error', ({ code }) => failures.push(code))
    await vi.waitFor(() => expect(source.readyState).toBe(EventSource.CLOSED), { timeout: 15_000 })
    expect(events).toEqual(['1', '2', '3'])
    expect(failures.at(-1)).toBe(204)
  })

  it('answers 204 for an ended run whose journal was deleted', async () => {
    const run = await insertRun(world.platform, tenant, { status: 'timeout' })
    expect((await tenant.send(`GET /api/realtime/runs/${run.wireId}`)).status).toBe(204)
  })

  it('sends a resync and then everything when Last-Event-ID is not one of its ids', async () => {
    const run = await endedRun(world, tenant)
    for (const id of ['nonsense', '4', '1a-2b']) {
      const stream = await open(run, { 'last-event-id': id })
      await stream.closed()
      expect(stream.events[0]).toEqual({ event: 'resync', id: undefined, data: { reason: 'cursor-invalid' } })
      expect(stream.runEvents.map((event) => event.id)).toEqual(['1', '2', '3'])
    }
  })

  it('answers 422 to an ?after= that is not a cursor', async () => {
    const run = await newRun()
    const answer = await tenant.send(`GET /api/realtime/runs/${run.wireId}`, { query: { after: 'nonsense' } })
    expectProblem(streamRun, answer, 'validation-error')
    expect(answer.body.errors).toEqual([
      { pointer: 'query/after', message: 'must be the id of an event of this stream', code: 'format' },
    ])
  })

  it('answers 404 before streaming: for an unknown run, and one of another application or end-user', async () => {
    const [alice, bob] = [await tenant.endUser(), await tenant.endUser()]
    const run = await insertRun(world.platform, tenant, { endUser: alice })
    const stranger = await world.tenant()
    expectProblem(streamRun, await stranger.send(`GET /api/realtime/runs/${run.wireId}`), 'run-not-found')
    expectProblem(streamRun, await tenant.send(`GET /api/realtime/runs/${newWireId('run')}`), 'run-not-found')
    expectProblem(streamRun, await tenant.sendAs(bob)(`GET /api/realtime/runs/${run.wireId}`), 'run-not-found')
    const own = await open(run, {}, `&endUser=${alice}`)
    expect(own.status).toBe(200)
    own.close()
  })

  it('ends when the run is deleted, and answers 404 from then on', async () => {
    const run = await newRun()
    await appendLogs(world.platform, run, 2)
    const stream = await open(run)
    await stream.until(() => stream.runEvents.length === 2)
    await world.platform.db.deleteFrom('runs').where('id', '=', run.id).execute()
    await stream.closed()
    expect((await open(run, { 'last-event-id': '2' })).status).toBe(404)
  })

  it('uses the API version that the request asks for', async () => {
    const run = await endedRun(world, tenant)
    const [old, current] = await Promise.all([open(run, { 'appstrate-version': older }), open(run)])
    await Promise.all([old.closed(), current.closed()])
    expect(old.headers.get('appstrate-version')).toBe(older)
    expect(old.runEvents.map(({ data }) => data)).toEqual([
      { ...(await summaryOf(world.platform, run, 'running')), state: 'running' },
      { text: 'at work' },
      { ...(await summaryOf(world.platform, run, 'success')), state: 'success' },
    ])
    expect(current.runEvents[0]?.data).toEqual(await summaryOf(world.platform, run, 'running'))
  })

  it('never shows data that only the engine needs', async () => {
    const run = await endedRun(world, tenant)
    await world.platform.db
      .updateTable('run_events')
      .set({ journal: JSON.stringify({ secret: 'of the journal' }) })
      .where('run_id', '=', run.id)
      .execute()
    const stream = await open(run)
    await stream.closed()
    expect(stream.text).not.toContain('of the journal')
    expect(stream.text).not.toContain(toWireId('org', tenant.organizationId))
  })
})
