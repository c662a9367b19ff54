import { rerunIfCalled } from '../../../platform/concurrency/rerun.ts'
import { createSemaphore } from '../../../platform/concurrency/semaphore.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { liveUse } from '../../accounts/quotas/index.ts'
import { findHorizons, type Horizon, type Position } from '../../execution/runs/index.ts'
import { createHorizons } from './horizons.ts'
import { frameEvent, idOf, pingFrame, readSource, toJournalEvent, type Source } from './source.ts'
import { endStreamsWithoutRights } from './stream-rights.ts'
import { pollTails } from './poll-tails.ts'
import { createStreamPlaces, type StreamPlaces } from './stream-places.ts'
import type { Subscriber } from './subscriber.ts'
import { Tail, TailIndex, type FramedPage } from './tail.ts'

/** Journal reads at a time: many reconnects at once must not exhaust the connection pool. */
const readsMax = 4
/** When the server stops, how long clients have to receive the final frame. */
const finalFrameMs = 500

/** The horizon of one run's events, which are committed in order. */
const unlimited: Horizon = { upTo: Number.MAX_SAFE_INTEGER, last: 0 }

export interface Timings {
  readonly pingMs: number
  /** The longest delay that a lost wake-up causes. */
  readonly pollMs: number
  /** After this a stream ends, and the client reconnects with its credentials. */
  readonly lifetimeMs: number
  /** How often the rights of open streams are checked when no change is announced. */
  readonly rightsMs: number
}

export const defaultTimings: Timings = { pingMs: 15_000, pollMs: 1_000, lifetimeMs: 3_600_000, rightsMs: 60_000 }

export interface RealtimeHub {
  /** Sends a subscriber its missing events, then new ones, until either side ends the stream. */
  follow(subscriber: Subscriber): void
  /** Runs a read under the same limit as the reads of streams. */
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** Counts the open streams of each caller and organization. */
  readonly places: StreamPlaces
  /** How far the events of an application can be read in order. */
  horizonOf(applicationId: string): Promise<Horizon>
  /** Removes a subscriber whose connection has closed. */
  forget(subscriber: Subscriber): void
  /** Number of open streams. */
  readonly size: number
  /** Other timings, for tests. */
  setTimings(timings: Partial<Timings>): void
  close(): Promise<void>
}

/** All open streams of the process, with one tail for each source that has subscribers. */
export const realtimeHub: Service<RealtimeHub> = {
  name: 'realtime hub',
  open: (platform) => new Hub(platform),
  close: (hub) => hub.close(),
}

type HubPlatform = Pick<
  Platform,
  'clock' | 'config' | 'db' | 'log' | 'permissions' | 'stopping' | 'use' | 'versions' | 'wake'
>

class Hub implements RealtimeHub {
  readonly #platform: HubPlatform
  readonly #tails = new TailIndex()
  readonly #subscribers = new Set<Subscriber>()
  readonly #reads = createSemaphore(readsMax)
  readonly #cleanups: (() => void)[]
  readonly #checkRights = rerunIfCalled(() => this.#endStreamsWithoutRights())
  readonly places: StreamPlaces
  readonly horizonOf = createHorizons((ids) => this.read((db) => findHorizons(db, ids)))
  #timings = defaultTimings
  #timers: NodeJS.Timeout[] = []
  /** Checks the rights when the next secret expires. */
  #expiry: { readonly atMs: number; readonly timer: NodeJS.Timeout } | undefined
  #isFailing = false
  #stopped = false

  constructor(platform: HubPlatform) {
    this.#platform = platform
    this.places = createStreamPlaces({ callerMax: platform.config.STREAMS_PER_CALLER })
    platform.use(liveUse).report('streams', (organizationId) => this.places.countOf(organizationId))
    const stop = () => this.#stop()
    platform.stopping.addEventListener('abort', stop)
    this.#cleanups = [
      platform.wake.subscribe('events', (detail) => this.#tails.wake(detail)),
      platform.wake.subscribe('keys', this.#checkRights),
      platform.wake.subscribe('sessions', this.#checkRights),
      () => platform.stopping.removeEventListener('abort', stop),
    ]
    this.#startTimers()
    if (platform.stopping.aborted) this.#stop()
  }

  get size(): number {
    return this.#subscribers.size
  }

  read<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#reads.run(() => work(this.#platform.db))
  }

  follow(subscriber: Subscriber): void {
    if (!subscriber.isOpen) return
    this.#subscribers.add(subscriber)
    if (this.#stopped) return subscriber.end('reconnect')
    this.#checkRightsAt(subscriber.expiresAtMs)
    this.#catchUp(subscriber).catch((error: unknown) => {
      this.#reportFailure(error)
      // The client reconnects with its last id, when the database may be reachable again.
      subscriber.end('reconnect')
    })
  }

  forget(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    const tail = this.#tails.find(subscriber.source)
    if (tail?.subscribers.delete(subscriber) === true && tail.subscribers.size === 0) this.#tails.remove(tail)
  }

  setTimings(timings: Partial<Timings>): void {
    this.#timings = { ...this.#timings, ...timings }
    this.#startTimers()
  }

  async close(): Promise<void> {
    this.#stop()
    for (const subscriber of this.#subscribers) subscriber.abort()
  }

  // Reads separately, at the client's pace, until the subscriber has reached the position of the shared tail.
  async #catchUp(subscriber: Subscriber): Promise<void> {
    const { source } = subscriber
    while (subscriber.isOpen) {
      const tail = this.#tails.find(source)
      if (tail?.join(subscriber) === true) return
      const passed = tail?.position
      const page = await this.#readFramed(source, subscriber.position)
      const isWhole = page.events.every((event) => {
        if (!subscriber.isFull) subscriber.offer(event)
        return !subscriber.isFull
      })
      if (!isWhole || page.more) await subscriber.drained()
      else if (passed !== undefined) subscriber.passTo(passed)
      else if (this.#tails.find(source) === undefined && subscriber.isOpen) this.#startTail(subscriber)
    }
  }

  #startTail(subscriber: Subscriber): void {
    const tail = new Tail({
      source: subscriber.source,
      position: subscriber.position,
      read: (source, after) => this.#readFramed(source, after),
      failed: (error) => this.#reportFailure(error),
    })
    this.#tails.add(tail)
    tail.join(subscriber)
    // Events may have been committed since the subscriber's last read.
    tail.wake()
  }

  async #readFramed(source: Source, after: Position): Promise<FramedPage> {
    const { versions } = this.#platform
    // The horizon is read first: the snapshot of the next statement then has all events up to it.
    const { upTo, last } = source.kind === 'run' ? unlimited : await this.horizonOf(source.applicationId)
    const { rows, more } = await this.read((db) => readSource(db, source, { after, upTo }))
    const sealOf = await this.read((db) =>
      this.#platform.use(contentSeals).ofAll(db, source.applicationId, new Set(rows.map((row) => row.end_user_id))),
    )
    this.#isFailing = false
    return {
      more,
      held: upTo < last,
      events: rows.map((row) => frameEvent(versions, source, toJournalEvent(row, sealOf(row.end_user_id)))),
    }
  }

  async #endStreamsWithoutRights(): Promise<void> {
    const { permissions, clock } = this.#platform
    const check = { permissions, now: clock.now(), read: this.read.bind(this) }
    try {
      this.#checkRightsAt(await endStreamsWithoutRights(check, this.#subscribers))
    } catch (error) {
      this.#reportFailure(error)
    }
  }

  #checkRightsAt(atMs: number): void {
    const delayMs = atMs - this.#platform.clock.now().getTime()
    // A later expiry is found by one of the regular checks before.
    if (this.#stopped || delayMs > this.#timings.rightsMs || atMs >= (this.#expiry?.atMs ?? Infinity)) return
    clearTimeout(this.#expiry?.timer)
    const timer = setTimeout(
      () => {
        this.#expiry = undefined
        this.#checkRights()
      },
      Math.max(0, delayMs),
    )
    timer.unref()
    this.#expiry = { atMs, timer }
  }

  #reportFailure(error: unknown): void {
    if (!this.#isFailing && !this.#stopped)
      this.#platform.log.warn({ err: error }, 'The journal cannot be read for streams; the read will be retried.')
    this.#isFailing = true
  }

  #startTimers(): void {
    const { pingMs, pollMs, rightsMs } = this.#timings
    this.#timers.forEach(clearInterval)
    if (this.#stopped) return
    let polling = false
    const poll = async () => {
      if (polling) return
      polling = true
      await pollTails(this, this.#tails.all()).catch((error: unknown) => this.#reportFailure(error))
      polling = false
    }
    this.#timers = [
      setInterval(() => this.#tick(), pingMs),
      setInterval(() => void poll(), pollMs),
      setInterval(this.#checkRights, rightsMs),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  #tick(): void {
    const expired = this.#platform.clock.now().getTime() - this.#timings.lifetimeMs
    const ping = pingFrame()
    const pings = new Map<Tail, Buffer>()
    for (const subscriber of this.#subscribers) {
      if (subscriber.openedAtMs <= expired) subscriber.end('reconnect')
      const tail = this.#tails.find(subscriber.source)
      // A ping carries the tail's position only to subscribers that are exactly there: events that are being
      // distributed have not reached all of them.
      if (
        tail === undefined ||
        tail.source.kind === 'run' ||
        !tail.subscribers.has(subscriber) ||
        subscriber.position !== tail.position
      ) {
        subscriber.tick(ping)
        continue
      }
      const withId = pings.get(tail) ?? pingFrame(idOf(tail.source, tail.position))
      pings.set(tail, withId)
      subscriber.tick(withId)
    }
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#timers.forEach(clearInterval)
    clearTimeout(this.#expiry?.timer)
    for (const cleanup of this.#cleanups) cleanup()
    for (const subscriber of this.#subscribers) subscriber.end('reconnect')
    setTimeout(() => this.#subscribers.forEach((subscriber) => subscriber.abort()), finalFrameMs).unref()
  }
}
