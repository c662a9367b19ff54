import { setImmediate } from 'node:timers/promises'
import { EventGuard } from '../event-guard.ts'
import type { AnswerReading } from './answer-reading.ts'
import type { ServerEvent } from './answer-reader.ts'

/** Events that are read, and events that are then parsed by the package, in one turn of the event loop. */
const sliceEventsMax = 64

/** What learns of the body while it is read. */
export interface BodyListener {
  readonly reading: AnswerReading
  readonly textBytesMax: number
  sawBytes(chunk: Uint8Array): void
  /** Called when the protocol's end mark has arrived. */
  answered(): void
  /** Called with the error that ends the stream, before it does. */
  failed(error: unknown): void
}

/** The body of an answer as events for the provider package. An error after the answer is complete ends it as usual. */
export function readBody(body: ReadableStream<Uint8Array>, listener: BodyListener): ReadableStream<Uint8Array> {
  const source = new BodyReader(body, listener)
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const events = await source.next()
        if (events === undefined) controller.close()
        else controller.enqueue(Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')))
      } catch (error) {
        listener.failed(error)
        throw error
      }
    },
    cancel: (reason) => source.cancel(reason),
  })
}

class BodyReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #listener: BodyListener
  readonly #guard: EventGuard
  #events: readonly ServerEvent[] = []
  #at = 0
  #ready: object[] = []
  #readyAt = 0
  #hasTaken = false
  #isOver = false
  #isFinished = false

  constructor(body: ReadableStream<Uint8Array>, listener: BodyListener) {
    this.#reader = body.getReader()
    this.#listener = listener
    this.#guard = new EventGuard(listener.textBytesMax)
  }

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason)
  }

  /** The package's next events; undefined after the last. Throws what ended the answer before it was complete. */
  async next(): Promise<object[] | undefined> {
    for (;;) {
      const hasEvents = this.#readyAt < this.#ready.length || this.#at < this.#events.length
      if (!hasEvents && !this.#isOver) await this.#fill()
      // The package parses all events of a slice in one turn of the event loop.
      else if (this.#hasTaken) await setImmediate()
      this.#hasTaken = true
      if (this.#readyAt >= this.#ready.length && !this.#read()) return undefined
      const events = this.#ready.slice(this.#readyAt, this.#readyAt + sliceEventsMax)
      this.#readyAt += events.length
      if (events.length > 0) return events
    }
  }

  /** Makes some events ready for the package, or none; false after the last. */
  #read(): boolean {
    if (this.#isFinished) return false
    const { reading } = this.#listener
    const hadEnded = reading.hasEnded
    this.#ready = []
    this.#readyAt = 0
    for (let read = 0; read < sliceEventsMax && this.#ready.length < sliceEventsMax; read += 1) {
      const event = this.#events[this.#at]
      if (event === undefined) break
      this.#at += 1
      this.#makeReady(reading.take(event))
    }
    if (reading.hasEnded && !hadEnded) this.#listener.answered()
    if (this.#at >= this.#events.length && this.#isOver) {
      this.#isFinished = true
      this.#makeReady(reading.end())
    }
    return true
  }

  // One event of the server can be thousands for the package: too many for the arguments of one call.
  #makeReady(events: readonly object[]): void {
    for (const event of events) this.#ready.push(event)
  }

  async #fill(): Promise<void> {
    this.#at = 0
    this.#hasTaken = false
    try {
      const { done, value } = await this.#reader.read()
      if (value !== undefined) this.#listener.sawBytes(value)
      this.#isOver = done
      this.#events = value === undefined ? this.#guard.end() : this.#guard.take(value)
    } catch (error) {
      if (!this.#listener.reading.isComplete) throw error
      this.#isOver = true
      this.#events = []
    }
  }
}
