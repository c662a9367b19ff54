import { connect, type Socket } from 'node:net'
import { sql } from 'kysely'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { appendEvent, appendLogs, insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import { createSessionCookie } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { profileFeature } from '../../accounts/profile/index.ts'
import { signInFeature } from '../../accounts/sign-in/index.ts'
import { realtimeFeature } from './index.ts'
import { parseCursor } from './position.ts'
import { defaultTimings, realtimeHub } from './realtime-hub.ts'
import { openSse, type SseStream } from './testing/sse-stream.ts'

/** The longest wait on a busy machine. */
const patience = { timeout: 15_000 }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Stage {
  readonly world: World
  readonly tenant: Tenant
  readonly run: InsertedRun
  /** Opens `runs` or `runs/<run>`. */
  open(path?: string, headers?: Record<string, string>): Promise<SseStream>
}

async function setUp(): Promise<Stage> {
  const world = await openWorld({
    features: [realtimeFeature, signInFeature, profileFeature],
    environment: { STREAMS_PER_CALLER: '1000' },
  })
  cleanups.push(() => world.close())
  const tenant = await world.tenant()
  const run = await insertRun(world.platform, tenant)
  return {
    world,
    tenant,
    run,
    async open(path = 'runs', headers = {}) {
      const stream = await openSse(`${world.url}/api/realtime/${path}?token=${tenant.apiKey}`, headers)
      cleanups.push(() => stream.close())
      await stream.until(() => stream.events.length > 0 || stream.isClosed)
      return stream
    },
  }
}

const sequence = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const seqs = (stream: SseStream) => stream.runEvents.map(({ data }) => Number(data.seq))

describe('pings', () => {
  it('come every 15 s', () => expect(defaultTimings.pingMs).toBe(15_000))

  it('arrive in time on streams of both kinds, without data', async () => {
    const { world, run, open } = await setUp()
    world.platform.use(realtimeHub).setTimings({ pingMs: 60 })
    const streams = [await open(), await open(`runs/${run.wireId}`)]
    for (const stream of streams) {
      await stream.until(() => stream.events.length >= 6)
      expect(stream.events.every(({ event, data }) => event === 'ping' && JSON.stringify(data) === '{}')).toBe(true)
    }
  })

  it('carry the newest cursor, so that a quiet stream resumes from its position', async () => {
    const { world, run, tenant, open } = await setUp()
    const alice = await tenant.endUser()
    world.platform.use(realtimeHub).setTimings({ pingMs: 50 })
    const [hers, all] = [await open('runs', { 'appstrate-user': alice }), await open()]
    await appendEvent(world.platform, run, { message: 'not hers' })
    await all.until(() => all.runEvents.length === 1)
    const newest = all.runEvents[0]?.id ?? ''
    await hers.until(() => hers.events.at(-1)?.id === newest)
    expect(hers.runEvents).toEqual([])
  })

  it('never carry the cursor of an event that was not sent yet, with any number of subscribers', async () => {
    const { world, run, open } = await setUp()
    const streams = await Promise.all(sequence(1, 550).map(() => open()))
    await appendEvent(world.platform, run, { message: 'every stream is live' })
    for (const stream of streams) await stream.until(() => stream.runEvents.length === 1)
    world.platform.use(realtimeHub).setTimings({ pingMs: 1 })
    for (const number of sequence(2, 15)) await appendEvent(world.platform, run, { message: String(number) })
    for (const stream of streams) await stream.until(() => stream.runEvents.length === 15)
    world.platform.use(realtimeHub).setTimings(defaultTimings)
    for (const { events } of streams) {
      const positions = events.flatMap(({ id }) => parseCursor(id ?? '') ?? [])
      expect(positions.filter((position, index) => index > 0 && (positions[index - 1] ?? 0) > position)).toEqual([])
    }
  }, 60_000)
})

describe('a lost wake-up', () => {
  it('costs a poll interval of a second, and loses no event', async () => {
    expect(defaultTimings.pollMs).toBe(1_000)
    const { world, run, open } = await setUp()
    const streams = [await open(), await open(`runs/${run.wireId}`)]
    await appendEvent({ db: world.platform.db }, run, { message: 'without a wake-up' })
    for (const stream of streams) await stream.until(() => stream.runEvents.length === 1)
  })
})

describe('one tail for a source', () => {
  it('reads once for all its subscribers', async () => {
    const { world, run, open } = await setUp()
    world.platform.use(realtimeHub).setTimings({ pollMs: 60_000 })
    const streams = await Promise.all(sequence(1, 40).map(() => open(`runs/${run.wireId}`)))
    await appendEvent(world.platform, run, { message: 'every stream is live' })
    for (const stream of streams) await stream.until(() => stream.runEvents.length === 1)
    let queries = 0
    world.platform.database.pool.on('acquire', () => (queries += 1))
    for (const number of sequence(1, 5)) await appendEvent(world.platform, run, { message: String(number) })
    for (const stream of streams) await stream.until(() => stream.runEvents.length === 6)
    // Five writes, and at most two reads per wake-up. Forty subscribers with separate reads would need 200.
    expect(queries).toBeLessThanOrEqual(15)
  })

  it('continues after the database was unreachable, and logs one warning', async () => {
    const { world, run, open } = await setUp()
    world.platform.use(realtimeHub).setTimings({ pollMs: 50 })
    const stream = await open()
    // Wait until the stream is live before renaming the table: a stream that is still catching up would be ended.
    await appendEvent(world.platform, run, { message: 'live' })
    await stream.until(() => stream.runEvents.length === 1)
    await sql`alter table run_events rename to run_events_away`.execute(world.platform.db)
    const warnings = () => world.logLines.filter((line) => line.includes('cannot be read for streams'))
    await vi.waitFor(() => expect(warnings()).toHaveLength(1), patience)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await sql`alter table run_events_away rename to run_events`.execute(world.platform.db)
    await appendEvent(world.platform, run, { message: 'back' })
    await stream.until(() => stream.runEvents.length === 2)
    expect(warnings()).toHaveLength(1)
  })
})

describe('a stop of the server', () => {
  it('ends every stream with a retry hint, and new ones at once', async () => {
    const { world, run, open } = await setUp()
    const streams = [await open(), await open(`runs/${run.wireId}`)]
    world.platform.beginStop()
    for (const stream of streams) {
      await stream.closed()
      expect(stream.text).toMatch(/\n: reconnect to continue\nretry: 2000\n\n$/)
    }
    const late = await open()
    expect(late.status).toBe(200)
    await late.closed()
  })
})

describe('a stream', () => {
  it('ends after its lifetime, and the client resumes from there', async () => {
    const { world, run, open } = await setUp()
    world.platform.use(realtimeHub).setTimings({ pingMs: 50, lifetimeMs: 300 })
    const stream = await open()
    await appendLogs(world.platform, run, 3)
    await stream.closed()
    await appendLogs(world.platform, run, 3)
    world.platform.use(realtimeHub).setTimings({ lifetimeMs: 60_000 })
    const next = await open('runs', { 'last-event-id': stream.events.findLast(({ id }) => id !== undefined)?.id ?? '' })
    // Any number of the first three may arrive before the end.
    await next.until(() => seqs(stream).length + seqs(next).length >= 6)
    expect([...seqs(stream), ...seqs(next)]).toEqual(sequence(1, 6))
  })

  it('ends when its API key is revoked or expires; other streams continue', async () => {
    const { world, tenant, open } = await setUp()
    const other = await open()
    const [revoked, expired] = [await tenant.key(), await tenant.key()]
    const streams = await Promise.all(
      [revoked, expired].map(({ apiKey }) => openSse(`${world.url}/api/realtime/runs?token=${apiKey}`)),
    )
    for (const stream of streams) await stream.until(() => stream.events.length > 0)
    const { db, wake } = world.platform
    await db
      .updateTable('api_keys')
      .set({ revoked_at: new Date() })
      .where('key_prefix', '=', revoked.apiKey.slice(0, 8))
      .execute()
    wake.wake('keys', '*')
    await streams[0]?.closed()
    await db
      .updateTable('api_keys')
      .set({ expires_at: new Date(Date.now() - 1_000) })
      .where('key_prefix', '=', expired.apiKey.slice(0, 8))
      .execute()
    world.platform.use(realtimeHub).setTimings({ rightsMs: 50 })
    await streams[1]?.closed()
    expect(other.isClosed).toBe(false)
    expect((await openSse(`${world.url}/api/realtime/runs?token=${revoked.apiKey}`)).status).toBe(401)
  })

  it('ends when its user leaves the organization', async () => {
    const { world, tenant, open } = await setUp()
    const other = await open()
    const cookie = await createSessionCookie(world.platform, tenant.userId)
    const stream = await openSse(`${world.url}/api/realtime/runs`, {
      cookie,
      'x-org-id': tenant.orgId,
      'x-app-id': tenant.appId,
    })
    await stream.until(() => stream.events.length > 0)
    await world.platform.db.deleteFrom('organization_members').where('user_id', '=', tenant.userId).execute()
    world.platform.wake.wake('keys', '*')
    await stream.closed()
    // The key's creator was the same user.
    await other.closed()
  })

  it('ends when its session ends; streams of other sessions continue', async () => {
    const { world, tenant } = await setUp()
    const openAs = async () => {
      const cookie = await createSessionCookie(world.platform, tenant.userId)
      const stream = await openSse(`${world.url}/api/realtime/runs`, {
        cookie,
        'x-org-id': tenant.orgId,
        'x-app-id': tenant.appId,
      })
      cleanups.push(() => stream.close())
      await stream.until(() => stream.events.length > 0)
      return { cookie, stream }
    }
    const [first, second] = [await openAs(), await openAs()]
    const signOut = await world.send('POST /api/auth/sign-out', {
      headers: { cookie: first.cookie, origin: 'http://localhost:0' },
    })
    expect(signOut.status, signOut.text).toBe(200)
    await first.stream.closed()
    expect(second.stream.isClosed).toBe(false)
    const { data } = (await world.send('GET /api/profile/sessions', { headers: { cookie: second.cookie } })).body
    expect(
      (await world.send(`DELETE /api/profile/sessions/${data[0].id}`, { headers: { cookie: second.cookie } })).status,
    ).toBe(204)
    await second.stream.closed()
  })

  it('never logs its token', async () => {
    const { world, tenant, run, open } = await setUp()
    await appendEvent(world.platform, run, { status: 'success' })
    await (await open(`runs/${run.wireId}`)).closed()
    await open('runs/run_nonsense')
    await openSse(`${world.url}/api/realtime/%zz?token=${tenant.apiKey}`)
    await vi.waitFor(
      () => expect(world.logLines.some((line) => line.includes('/api/realtime/runs/run_nonsense'))).toBe(true),
      patience,
    )
    expect(world.logLines.filter((line) => line.includes(tenant.apiKey) || line.includes('token=ask_'))).toEqual([])
  })
})

describe('the subscriber of a stream', () => {
  it('is removed when its client disconnects, even right after connecting', async () => {
    const { world, tenant, run, open } = await setUp()
    const hub = world.platform.use(realtimeHub)
    const streams = await Promise.all([open(), open(`runs/${run.wireId}`)])
    expect(hub.size).toBe(2)
    for (const path of ['runs', `runs/${run.wireId}`]) {
      for (const delayMs of sequence(0, 15)) {
        const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write(`GET /api/realtime/${path}?token=${tenant.apiKey} HTTP/1.1\r\nhost: x\r\n\r\n`)
        await new Promise((resolve) => setTimeout(resolve, delayMs))
        socket.destroy()
      }
    }
    for (const stream of streams) stream.close()
    await vi.waitFor(() => expect(hub.size).toBe(0), patience)
  })
})

describe('reconnects', () => {
  it('of many clients at once see every event once', async () => {
    const { world, run, open } = await setUp()
    const total = 400
    const follow = async (first: SseStream, path: string, restless: number) => {
      const seen: number[] = []
      for (let stream = first; seen.length < total; ) {
        const enough = 1 + ((seen.length * 7 + restless) % 40)
        await stream.until(() => stream.runEvents.length >= Math.min(enough, total - seen.length), 15_000)
        stream.close()
        seen.push(...seqs(stream))
        const last = stream.events.findLast(({ id }) => id !== undefined)?.id ?? ''
        stream = await open(path, { 'last-event-id': last })
      }
      return seen
    }
    const paths = sequence(1, 12).map((client) => (client % 2 === 0 ? 'runs' : `runs/${run.wireId}`))
    const streams = await Promise.all(paths.map(async (path) => ({ path, first: await open(path) })))
    const clients = streams.map(({ path, first }, index) => follow(first, path, index))
    for (let written = 0; written < total; written += 10) await appendLogs(world.platform, run, 10)
    for (const seen of await Promise.all(clients)) expect(seen).toEqual(sequence(1, total))
  }, 60_000)
})

describe('a client that does not read', () => {
  /** Reads the first bytes, which may already contain events, and then stops reading. */
  const openRaw = async ({ world, tenant }: Stage, path: string): Promise<{ socket: Socket; first: string }> => {
    const socket = await new Promise<Socket>((resolve) => {
      const made = connect(Number(new URL(world.url).port), '127.0.0.1', () => resolve(made))
    })
    cleanups.push(() => socket.destroy())
    socket.on('error', () => undefined)
    socket.write(`GET /api/realtime/${path}?token=${tenant.apiKey} HTTP/1.1\r\nhost: x\r\n\r\n`)
    const first = await new Promise<string>((resolve) =>
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    socket.pause()
    return { socket, first }
  }
  const big = 'x'.repeat(100_000)

  it('is disconnected and can resume, and the others lose nothing', async () => {
    const stage = await setUp()
    const { world, run, open } = stage
    const reader = await open()
    const { socket: lazy, first } = await openRaw(stage, 'runs')
    let isCut = false
    lazy.on('close', () => (isCut = true))
    for (let number = 0; number < 120; number += 1)
      await appendEvent(world.platform, run, { message: 'big', data: { big } })
    await reader.until(() => reader.runEvents.length === 120, 15_000)
    expect(seqs(reader)).toEqual(sequence(1, 120))
    let text = first
    lazy.on('data', (chunk: Buffer) => (text += chunk.toString()))
    lazy.resume()
    await vi.waitFor(() => expect(isCut).toBe(true), patience)
    const received = [...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id)
    expect(received.length).toBeLessThan(120)
    // The last event may be incomplete; a client resumes after the last complete one.
    const lastWhole = received.at(-2) ?? ''
    const resumed = await open('runs', { 'last-event-id': lastWhole })
    const missing = 120 - reader.runEvents.findIndex(({ id }) => id === lastWhole) - 1
    await resumed.until(() => resumed.runEvents.length === missing, 10_000)
    expect(seqs(resumed)).toEqual(sequence(121 - missing, 120))
  })

  it('is not disconnected for a single event above the limit, live or replayed', async () => {
    const { world, run, open } = await setUp()
    const live = await open(`runs/${run.wireId}`)
    for (let number = 0; number < 3; number += 1)
      await appendEvent(world.platform, run, { data: { huge: 'x'.repeat(3_000_000) } })
    await live.until(() => live.runEvents.length === 3, 15_000)
    const replayed = await open(`runs/${run.wireId}`)
    await replayed.until(() => replayed.runEvents.length === 3, 15_000)
    expect([live.isClosed, replayed.isClosed]).toEqual([false, false])
  })

  it('pauses its replay, and gets everything once when it reads', async () => {
    const stage = await setUp()
    const { world, run } = stage
    for (let number = 0; number < 100; number += 1)
      await appendEvent(world.platform, run, { message: 'big', data: { big } })
    await appendEvent(world.platform, run, { status: 'success' })
    const { socket: lazy, first } = await openRaw(stage, `runs/${run.wireId}`)
    await new Promise((resolve) => setTimeout(resolve, 300))
    let text = first
    lazy.on('data', (chunk: Buffer) => (text += chunk.toString()))
    lazy.resume()
    await vi.waitFor(() => expect(text.includes('id: 101')).toBe(true), patience)
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(sequence(1, 101))
  })
})
