import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { appendEvent, appendLogs, insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { realtimeFeature } from './index.ts'
import { realtimeHub } from './realtime-hub.ts'
import { streamRuns } from './stream-runs.ts'
import { openSse, type SseStream } from './testing/sse-stream.ts'

const options = { features: [realtimeFeature] }

describeEndpoint(streamRuns, {
  // The stream does not end by itself, so give it a lifetime of zero.
  given: async (_tenant, world) => world.platform.use(realtimeHub).setTimings({ pingMs: 20, lifetimeMs: 0 }),
  call: () => ({}),
  world: options,
})

describe("the stream of an application's runs", () => {
  let world: World
  let tenant: Tenant
  const open: SseStream[] = []
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(async () => {
    for (const stream of open) stream.close()
    await world.close()
  })
  const start = async (headers: Record<string, string> = {}, query = '') => {
    tenant ??= await world.tenant()
    const stream = await openSse(`${world.url}/api/realtime/runs?token=${tenant.apiKey}${query}`, headers)
    open.push(stream)
    if (stream.status === 200) await stream.until(() => stream.events.length > 0)
    return stream
  }
  const messages = (stream: SseStream) => stream.runEvents.map(({ data }) => String(data.message ?? data.status))
  const lastId = (stream: SseStream) => stream.events.findLast(({ id }) => id !== undefined)?.id ?? ''
  const say = (run: InsertedRun, ...texts: string[]) =>
    texts.reduce<Promise<unknown>>(
      (previous, message) => previous.then(() => appendEvent(world.platform, run, { message })),
      Promise.resolve(),
    )

  it('has events from now on, of all runs of the application and of no other', async () => {
    const stranger = await world.tenant()
    tenant = await world.tenant()
    const [one, two, foreign] = [
      await insertRun(world.platform, tenant),
      await insertRun(world.platform, tenant),
      await insertRun(world.platform, stranger),
    ]
    await say(one, 'before')
    const stream = await start()
    await say(foreign, 'not yours')
    await say(one, 'first')
    await say(two, 'second')
    await appendEvent(world.platform, one, { status: 'success' })
    await stream.until(() => stream.runEvents.length === 3)
    expect(messages(stream)).toEqual(['first', 'second', 'success'])
    expect(stream.isClosed).toBe(false)
  })

  it('does not begin with past events because a transaction is still open', async () => {
    tenant = await world.tenant()
    const [run, slow] = [await insertRun(world.platform, tenant), await insertRun(world.platform, tenant)]
    await world.platform.db.transaction().execute(async (tx) => {
      await appendEvent({ db: tx }, slow, { message: 'committed later' })
      await say(run, 'past')
      const stream = await start()
      const resynced = await start({ 'last-event-id': 'nonsense' })
      await say(run, 'new')
      open.push(stream, resynced)
    })
    const streams = open.slice(-2)
    world.platform.wake.wake('events', '*')
    for (const stream of streams) {
      await stream.until(() => stream.runEvents.length > 1)
      expect(messages(stream)).toEqual(['committed later', 'new'])
    }
  })

  it('sends events while a transaction elsewhere is open for long, even one that inserts events', async () => {
    const stranger = await insertRun(world.platform, await world.tenant())
    tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant)
    const live = await start()
    await world.platform.db.transaction().execute(async (tx) => {
      await tx.updateTable('runs').set({ agent_name: 'slow' }).where('id', '=', stranger.id).execute()
      await appendEvent({ db: tx }, stranger, { message: 'not committed' })
      await say(run, 'first')
      await live.until(() => live.runEvents.length === 1)
      const resumed = await start({ 'last-event-id': live.events[0]?.id ?? '' })
      await resumed.until(() => resumed.runEvents.length === 1)
    })
    expect(messages(live)).toEqual(['first'])
  })

  it('sends a cursor before the first event, so that a client disconnected early misses nothing', async () => {
    tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant)
    const first = await start()
    expect(first.events[0]).toMatchObject({ event: 'ping', id: expect.stringMatching(/^p[0-9a-z]+$/) })
    first.close()
    await say(run, 'meanwhile')
    const second = await start({ 'last-event-id': lastId(first) })
    await second.until(() => second.runEvents.length === 1)
    expect(messages(second)).toEqual(['meanwhile'])
  })

  it('delivers events exactly once when transactions commit out of order', async () => {
    tenant = await world.tenant()
    const [slow, fast] = [await insertRun(world.platform, tenant), await insertRun(world.platform, tenant)]
    const [live, late] = [await start(), await start()]
    const cursor = lastId(live)
    await world.platform.db.transaction().execute(async (tx) => {
      await appendEvent({ db: tx }, slow, { message: 'begun first' })
      await say(fast, 'committed first')
      // A reconnect in between must not skip the event that is not committed yet.
      late.close()
      await new Promise((resolve) => setTimeout(resolve, 150))
      expect(messages(live)).toEqual([])
    })
    world.platform.wake.wake('events', `${tenant.applicationId}:${slow.id}`)
    await live.until(() => live.runEvents.length === 2)
    const resumed = await start({ 'last-event-id': lastId(late) })
    await resumed.until(() => resumed.runEvents.length === 2)
    const again = await start({}, `&after=${cursor}`)
    await again.until(() => again.runEvents.length === 2)
    for (const stream of [live, resumed, again]) expect(messages(stream)).toEqual(['begun first', 'committed first'])
    await say(fast, 'end')
    await live.until(() => live.runEvents.length === 3)
    expect(messages(live)).toEqual(['begun first', 'committed first', 'end'])
  })

  it('loses nothing and sends nothing twice while many transactions commit in any order', async () => {
    tenant = await world.tenant()
    const runs = await Promise.all(Array.from({ length: 6 }, () => insertRun(world.platform, tenant)))
    const live = await start()
    const writer = async (run: InsertedRun, writerNumber: number) => {
      for (let number = 0; number < 25; number += 1) {
        await world.platform.db.transaction().execute(async (tx) => {
          await appendEvent({ db: tx }, run, { message: `${writerNumber}.${number}` })
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 6))
        })
        world.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
      }
    }
    await Promise.all(runs.map(writer))
    await live.until(() => live.runEvents.length >= 150)
    expect(new Set(messages(live)).size).toBe(150)
    expect(live.runEvents).toHaveLength(150)
    const middle = live.runEvents[70]?.id ?? ''
    const resumed = await start({ 'last-event-id': middle })
    await resumed.until(() => resumed.runEvents.length >= 79)
    expect(messages(resumed)).toEqual(messages(live).slice(71))
  })

  it('shows an end-user only their own runs', async () => {
    tenant = await world.tenant()
    const [alice, bob] = [await tenant.endUser(), await tenant.endUser()]
    const [hers, his, unowned] = [
      await insertRun(world.platform, tenant, { endUser: alice }),
      await insertRun(world.platform, tenant, { endUser: bob }),
      await insertRun(world.platform, tenant),
    ]
    const [live, all] = [await start({}, `&endUser=${alice}`), await start()]
    const cursor = lastId(live)
    for (const [run, message] of [
      [his, 'his'],
      [unowned, 'of no end-user'],
      [hers, 'hers'],
    ] as const)
      await say(run, message)
    await Promise.all([live.until(() => live.runEvents.length > 0), all.until(() => all.runEvents.length === 3)])
    const replayed = await start({ 'last-event-id': cursor }, `&endUser=${alice}`)
    await replayed.until(() => replayed.runEvents.length > 0)
    for (const stream of [live, replayed]) expect(messages(stream)).toEqual(['hers'])
    expect((await start({}, '&endUser=eu_nonsense')).status).toBe(400)
  })

  it('sends resync and then new events when the cursor is too old or invalid', async () => {
    tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant)
    const first = await start()
    await say(run, 'one')
    await first.until(() => first.runEvents.length === 1)
    const old = first.events[0]?.id ?? ''
    await appendLogs(world.platform, run, 10_000)
    for (const [id, reason] of [
      [old, 'cursor-too-old'],
      ['nonsense', 'cursor-invalid'],
      ['7', 'cursor-invalid'],
      ['pzzzzzzzzzz', 'cursor-invalid'],
      ['1x-2y', 'cursor-invalid'],
    ] as const) {
      const stream = await start({ 'last-event-id': id })
      expect(stream.events[0]).toEqual({
        event: 'resync',
        id: expect.stringMatching(/^p[0-9a-z]+$/),
        data: { reason },
      })
      await say(run, `after ${id}`)
      await stream.until(() => stream.runEvents.length > 0)
      expect(messages(stream)).toEqual([`after ${id}`])
      stream.close()
    }
    const inReach = await start({ 'last-event-id': first.runEvents[0]?.id ?? '' })
    expect(inReach.events[0]?.event).toBe('resync')
  })

  it('replays as far as 10,000 events back', async () => {
    tenant = await world.tenant()
    const run = await insertRun(world.platform, tenant)
    const first = await start()
    await appendLogs(world.platform, run, 9_990)
    const stream = await start({ 'last-event-id': first.events[0]?.id ?? '' })
    await stream.until(() => stream.runEvents.length === 9_990)
    await say(run, 'live')
    await stream.until(() => stream.runEvents.length === 9_991)
    expect(stream.runEvents.map(({ data }) => data.seq)).toEqual(Array.from({ length: 9_991 }, (_, index) => index + 1))
  })

  it('answers 422 to an ?after= that is not a cursor', async () => {
    const answer = await tenant.send('GET /api/realtime/runs', { query: { after: 'nonsense' } })
    expectProblem(streamRuns, answer, 'validation-error')
    expect(answer.body.errors).toMatchObject([{ pointer: 'query/after' }])
  })
})
