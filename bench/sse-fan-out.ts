// A benchmark of bench/run.ts. `node bench/sse-fan-out.ts` prints its figures as one line of JSON.
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { plainSeal } from '../packages/server/src/features/accounts/end-users/index.ts'
import { appendFenced, logLine, sealEntries } from '../packages/server/src/features/execution/runs/index.ts'
import type { Db } from '../packages/server/src/platform/db/database.ts'
import { toWireId } from '../packages/server/src/platform/ids/id.ts'
import { createAgent, keyHeaders, send } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { kilobytes, median, milliseconds, none, quantile, type Benchmark, type Row } from './measurement.ts'
import type { Memory, Server } from './server.ts'

const subscribers = 1_000
const warmUpSubscribers = 300
const pacedEvents = 150
const paceMs = 50
const burstEvents = 200
const deliveredMs = 15_000
const aimBytes = 25_000

export interface FanOut {
  readonly subscribers: number
  readonly events: number
  /** Subscribers that did not get every event exactly once and in order. */
  readonly incomplete: number
  readonly rssPerSubscriber: number
  readonly heapPerSubscriber: number
  /** Memory after all events, to show how much of it the events occupy. */
  readonly heapPerSubscriberUnderLoad: number
  /** Time from before an event's transaction to its arrival, over all subscribers, one event every 50 ms. */
  readonly pacedMs: { readonly p50: number; readonly p99: number }
  readonly burstMs: { readonly p50: number; readonly p99: number }
}

/** A thousand open streams on one server, half on a run and half on its application. */
export const sseFanOut: Benchmark = {
  name: 'sse-fan-out',
  measure: async () => toRows(await measureFanOut()),
}

async function measureFanOut(): Promise<FanOut> {
  const stage = await openDatabaseStage()
  const database = stage.connect(2)
  const clients: Client[] = []
  try {
    const journal = await openJournal(stage.server, database.db)
    // Warms up code, pools and caches, so that their memory is not counted as the streams' memory.
    const warmUp = await openClients(stage.server, journal.runId, warmUpSubscribers)
    await journal.append({ count: 20, everyMs: 0 })
    await delivered(warmUp, 20)
    for (const client of warmUp) client.close()
    await sleep(1_000)
    const before = await stage.server.memory()
    clients.push(...(await openClients(stage.server, journal.runId, subscribers)))
    const start = journal.lastSeq()
    await journal.append({ count: 1, everyMs: 0 })
    await delivered(clients, start + 1)
    const open = await stage.server.memory()
    for (const client of clients) client.takeLatencies()
    await journal.append({ count: pacedEvents, everyMs: paceMs })
    await delivered(clients, start + 1 + pacedEvents)
    const paced = clients.flatMap((client) => client.takeLatencies())
    await journal.append({ count: burstEvents, everyMs: 0 })
    await delivered(clients, start + 1 + pacedEvents + burstEvents)
    const burst = clients.flatMap((client) => client.takeLatencies())
    const after = await stage.server.memory()
    const events = 1 + pacedEvents + burstEvents
    return {
      subscribers,
      events,
      incomplete: clients.filter((client) => !client.hasAll(start + 1, start + events)).length,
      rssPerSubscriber: Math.round((open.rss - before.rss) / subscribers),
      heapPerSubscriber: Math.round((heapOf(open) - heapOf(before)) / subscribers),
      heapPerSubscriberUnderLoad: Math.round((heapOf(after) - heapOf(before)) / subscribers),
      pacedMs: { p50: median(paced), p99: quantile(paced, 0.99) },
      burstMs: { p50: median(burst), p99: quantile(burst, 0.99) },
    }
  } finally {
    for (const client of clients) client.close()
    await database.close()
    await stage.close()
  }
}

interface Journal {
  readonly runId: string
  lastSeq(): number
  append(load: { readonly count: number; readonly everyMs: number }): Promise<void>
}

// Writes events as the engine does, from another process than the one that streams them.
async function openJournal(server: Server, db: Db): Promise<Journal> {
  const agentId = await createAgent(server, 'followed')
  await send(`${server.url}/api/runs`, keyHeaders(server), { agentId })
  const { rows } = await sql<{
    id: string
    application_id: string
  }>`update runs set status = 'running', attempt = 1 returning id, application_id`.execute(db)
  const [run] = rows
  if (run === undefined) throw new Error('There is no run.')
  const wakeUp = JSON.stringify(['bench', [['events', `${run.application_id}:${run.id}`]]])
  let seq = 1
  return {
    runId: toWireId('run', run.id),
    lastSeq: () => seq,
    async append({ count, everyMs }) {
      for (let written = 0; written < count; written += 1) {
        const dueMs = performance.now() + everyMs
        const text = 'An answer of a sentence or two, as a model gives it.'
        const line = logLine('info', text, { sentAt: performance.now() })
        await appendFenced(db, { id: run.id, attempt: 1 }, { events: sealEntries(plainSeal, [line]) })
        await sql`select pg_notify('appstrate_wake', ${wakeUp})`.execute(db)
        seq += 1
        await sleep(Math.max(0, dueMs - performance.now()))
      }
    },
  }
}

/** One follower on a plain socket, so that counting costs less than the measured server. */
class Client {
  readonly #socket: Socket
  readonly #seqs: number[] = []
  #latenciesMs: number[] = []
  #rest = ''
  #isOpen = false

  constructor(socket: Socket) {
    this.#socket = socket.on('error', () => undefined).on('data', (chunk: Buffer) => this.#read(chunk.toString()))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get lastSeq(): number {
    return this.#seqs.at(-1) ?? 0
  }

  takeLatencies(): number[] {
    return this.#latenciesMs.splice(0)
  }

  hasAll(from: number, to: number): boolean {
    const relevant = this.#seqs.filter((seq) => seq >= from)
    return relevant.length === to - from + 1 && relevant.every((seq, index) => seq === from + index)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    const arrivedMs = performance.now()
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) {
      if (block.includes('event: ping')) this.#isOpen = true
      const [, seq, sentAt] = /"seq":(\d+).*"sentAt": ([\d.]+)/.exec(block) ?? []
      if (seq === undefined) continue
      this.#seqs.push(Number(seq))
      this.#latenciesMs.push(arrivedMs - Number(sentAt))
    }
  }
}

async function openClients(server: Server, runId: string, count: number): Promise<Client[]> {
  const clients: Client[] = []
  const token = server.credentials.apiKey
  for (let index = 0; index < count; index += 1) {
    const path = index % 2 === 0 ? `runs/${runId}` : 'runs'
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write(
      `GET /api/realtime/${path}?token=${token} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`,
    )
    clients.push(new Client(socket))
    if (index % 50 < 49) continue
    await until(() => clients.every((client) => client.isOpen), 'Not every stream was opened in time.')
    // Collects the garbage of opening: its pages would stay resident and be counted as the streams' memory.
    await server.memory()
  }
  for (const client of clients) client.takeLatencies()
  return clients
}

// Stops waiting after a timeout; `hasAll` then shows that an event was lost.
async function delivered(clients: readonly Client[], seq: number): Promise<void> {
  await until(() => clients.every((client) => client.lastSeq >= seq)).catch(() => undefined)
}

async function until(condition: () => boolean, failure = 'It did not come in time.'): Promise<void> {
  for (const deadline = Date.now() + deliveredMs; !condition(); await sleep(10))
    if (Date.now() > deadline) throw new Error(failure)
}

function heapOf({ heapUsed, external }: Memory): number {
  return heapUsed + external
}

function toRows(result: FanOut): Row[] {
  const plain = { baseline: none, ratio: none }
  const memory = `${kilobytes(result.rssPerSubscriber)} each (${kilobytes(result.heapPerSubscriber)} of it live heap)`
  const latency = ({ p50, p99 }: FanOut['pacedMs']) => `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}`
  const complete = `${result.subscribers - result.incomplete} of ${result.subscribers} streams`
  return [
    {
      what: '1,000 open streams, in one process',
      measured: memory,
      ...plain,
      aim: '≤ 25 kB each',
      met: result.rssPerSubscriber <= aimBytes,
    },
    {
      what: 'events received',
      measured: `${complete} got all ${result.events} events once and in order`,
      ...plain,
      aim: 'no event lost',
      met: result.incomplete === 0,
    },
    {
      what: 'from before the commit to 1,000 readers, 20 events/s',
      measured: latency(result.pacedMs),
      ...plain,
      aim: none,
      met: undefined,
    },
    {
      what: `the same, ${burstEvents} events one after the other`,
      measured: latency(result.burstMs),
      ...plain,
      aim: none,
      met: undefined,
    },
  ]
}

if (import.meta.main) {
  setTimeout(() => process.exit(1), 60_000).unref()
  console.log(JSON.stringify({ benchmark: sseFanOut.name, ...(await measureFanOut()) }))
  process.exit(0)
}
