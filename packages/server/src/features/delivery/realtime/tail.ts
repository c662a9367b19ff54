import { setImmediate } from 'node:timers/promises'
import { rerunIfCalled } from '../../../platform/concurrency/rerun.ts'
import type { Position } from '../../execution/runs/index.ts'
import { keyOf, type FramedEvent, type Source } from './source.ts'
import type { Subscriber } from './subscriber.ts'

/** Delay before a source is read again when a transaction that may insert events has not ended. */
const heldMs = 25
/** Bytes written to a subscriber in one turn of the event loop. */
const sliceBytesMax = 262_144
/** Subscribers written to before the event loop runs other work. */
const subscribersPerTurn = 250

export interface FramedPage {
  readonly events: readonly FramedEvent[]
  readonly more: boolean
  /** More may follow whose transactions have not ended: read again after a short wait. */
  readonly held: boolean
}

export interface TailOptions {
  readonly source: Source
  readonly position: Position
  read(source: Source, after: Position): Promise<FramedPage>
  failed(error: unknown): void
}

/** The live end of a source: one read and one serialization for all its subscribers. */
export class Tail {
  readonly source: Source
  readonly subscribers = new Set<Subscriber>()
  /** Reads new events; wake-ups during a read cause one more read. */
  readonly wake: () => void
  readonly #options: TailOptions
  #position: Position
  #heldTimer: NodeJS.Timeout | undefined

  constructor(options: TailOptions) {
    this.source = options.source
    this.#options = options
    this.#position = options.position
    this.wake = rerunIfCalled(() => this.#readPage().catch((error: unknown) => options.failed(error)))
  }

  /** All events up to this position were passed to the subscribers. */
  get position(): Position {
    return this.#position
  }

  /** Adds a subscriber; returns false if it has not yet reached this tail's position. */
  join(subscriber: Subscriber): boolean {
    if (this.#position > subscriber.position) return false
    this.subscribers.add(subscriber)
    return true
  }

  async #readPage(): Promise<void> {
    if (this.subscribers.size === 0) return
    const page = await this.#options.read(this.source, this.#position)
    await this.#handOut(page.events)
    if (page.more) this.wake()
    if (page.held) this.#readSoon()
  }

  // Bytes written in one turn are sent together, so a turn stays well below the limit that disconnects a slow client.
  async #handOut(events: readonly FramedEvent[]): Promise<void> {
    for (let from = 0; from < events.length; ) {
      const slice = sliceFrom(events, from)
      from += slice.length
      // Set before the first write: a subscriber that joins meanwhile must have read this slice.
      this.#position = slice.at(-1)?.position ?? this.#position
      let written = 0
      for (const subscriber of this.subscribers) {
        this.#offer(subscriber, slice)
        written += 1
        if (written % subscribersPerTurn === 0) await setImmediate()
      }
      if (from < events.length) await setImmediate()
    }
  }

  #offer(subscriber: Subscriber, slice: readonly FramedEvent[]): void {
    try {
      for (const event of slice) subscriber.offer(event)
    } catch (error) {
      // An event that cannot be converted to this subscriber's version must not affect the others.
      this.#options.failed(error)
      subscriber.abort()
    }
  }

  #readSoon(): void {
    this.#heldTimer ??= setTimeout(() => {
      this.#heldTimer = undefined
      this.wake()
    }, heldMs)
    this.#heldTimer.unref()
  }
}

/** The running tails, by source and by the detail of a wake-up. */
export class TailIndex {
  readonly #byKey = new Map<string, Tail>()
  readonly #byApplication = new Map<string, Set<Tail>>()

  all(): Iterable<Tail> {
    return this.#byKey.values()
  }

  find(source: Source): Tail | undefined {
    return this.#byKey.get(keyOf(source))
  }

  add(tail: Tail): void {
    const { source } = tail
    this.#byKey.set(keyOf(source), tail)
    if (source.kind === 'run') return
    const siblings = this.#byApplication.get(source.applicationId) ?? new Set()
    this.#byApplication.set(source.applicationId, siblings.add(tail))
  }

  remove(tail: Tail): void {
    const { source } = tail
    if (this.#byKey.get(keyOf(source)) === tail) this.#byKey.delete(keyOf(source))
    const siblings = this.#byApplication.get(source.applicationId)
    siblings?.delete(tail)
    if (siblings?.size === 0) this.#byApplication.delete(source.applicationId)
  }

  /** Wakes the tails of `<application>:<run>`; any other detail, such as `*`, wakes all of them. */
  wake(detail: string): void {
    const [applicationId = '', runId] = detail.split(':')
    if (runId === undefined) return this.#wakeAll()
    this.#byKey.get(`run:${runId}`)?.wake()
    for (const tail of this.#byApplication.get(applicationId) ?? []) tail.wake()
  }

  #wakeAll(): void {
    for (const tail of this.#byKey.values()) tail.wake()
  }
}

function sliceFrom(events: readonly FramedEvent[], from: number): readonly FramedEvent[] {
  let [to, bytes] = [from, 0]
  while (to < events.length && bytes < sliceBytesMax) {
    bytes += events[to]?.sizeBytes ?? 0
    to += 1
  }
  return events.slice(from, to)
}
