import { setImmediate } from 'node:timers/promises'
import type { FramedEvent } from './framed-event.ts'
import { onceMore } from './once-more.ts'
import { isAfter, type Position } from './position.ts'
import type { Source } from './source.ts'
import type { Subscriber } from './subscriber.ts'

/** How soon a source is read again of which an event waits for an older transaction to end. */
const heldMs = 25
/** Bytes written to a subscriber before they are given to the network. */
const sliceBytesMax = 262_144
/** Subscribers that are written to before other work gets its turn. */
const subscribersPerTurn = 250

export interface FramedPage {
  readonly events: readonly FramedEvent[]
  readonly more: boolean
  readonly held: boolean
}

export interface TailOptions {
  readonly source: Source
  readonly position: Position
  read(source: Source, after: Position): Promise<FramedPage>
  failed(error: unknown): void
}

/** The live end of a source: one read and one serialization, however many subscribers. */
export class Tail {
  readonly source: Source
  readonly subscribers = new Set<Subscriber>()
  /** Reads what is new; wake-ups that come meanwhile make it read once more. */
  readonly wake: () => void
  readonly #options: TailOptions
  #position: Position
  #heldTimer: NodeJS.Timeout | undefined

  constructor(options: TailOptions) {
    this.source = options.source
    this.#options = options
    this.#position = options.position
    this.wake = onceMore(() => this.#readPage().catch((error: unknown) => options.failed(error)))
  }

  /** Everything up to here was handed to the subscribers. */
  get position(): Position {
    return this.#position
  }

  /** Takes a subscriber in, unless it still lacks something that this tail has passed. */
  join(subscriber: Subscriber): boolean {
    if (isAfter(this.#position, subscriber.position)) return false
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

  // What is written to a connection in one turn goes out together, so a turn is kept well below what makes a client slow.
  async #handOut(events: readonly FramedEvent[]): Promise<void> {
    for (let from = 0; from < events.length; ) {
      const slice = sliceFrom(events, from)
      from += slice.length
      // Before the first write: who joins meanwhile has to have read this slice.
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
      // An event that can't be put into this subscriber's version is nobody else's concern.
      this.#options.failed(error)
      subscriber.drop()
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

function sliceFrom(events: readonly FramedEvent[], from: number): readonly FramedEvent[] {
  let [to, bytes] = [from, 0]
  while (to < events.length && bytes < sliceBytesMax) {
    bytes += events[to]?.sizeBytes ?? 0
    to += 1
  }
  return events.slice(from, to)
}
