import type { ServerResponse } from 'node:http'
import type { FramedEvent } from './framed-event.ts'
import { goodbye } from './frame.ts'
import { hadEnded, isAfter, type Position, type Snapshot } from './position.ts'
import type { Source } from './source.ts'

/** Unsent bytes at which a live subscriber is disconnected; it can resume. */
const backlogBytesMax = 1_048_576
/** Unsent bytes at which a replay waits for the client. */
const replayBytesMax = 262_144

/** Whose rights a stream was opened with; they are looked at again while it is open. */
export type Holder = { readonly keyId: string } | { readonly userId: string; readonly sessionId: string }

export interface SubscriberOptions {
  readonly response: ServerResponse
  readonly source: Source
  readonly position: Position
  /** What could be seen at this moment is not sent: the stream begins later. */
  readonly since: Snapshot | undefined
  readonly version: string
  /** Only this end-user's events are sent; everybody's when null. */
  readonly endUserId: string | null
  readonly holder: Holder
  readonly openedAtMs: number
}

/** One open stream: what it has been sent, and what it may be sent. */
export class Subscriber {
  readonly source: Source
  readonly holder: Holder
  readonly openedAtMs: number
  readonly endUserId: string | null
  readonly #response: ServerResponse
  readonly #version: string
  #position: Position
  #since: Snapshot | undefined
  #backlogAtTick = Infinity

  constructor(options: SubscriberOptions) {
    this.source = options.source
    this.holder = options.holder
    this.openedAtMs = options.openedAtMs
    this.#response = options.response
    this.#version = options.version
    this.endUserId = options.endUserId
    this.#position = options.position
    this.#since = options.since
  }

  /** What comes after this has not been sent. */
  get position(): Position {
    return this.#position
  }

  /** Notes that nothing of the source is left up to a position. */
  passTo(position: Position): void {
    if (isAfter(position, this.#position)) this.#position = position
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed
  }

  /** Sends an event that was not sent yet; ends the stream after the source's last one. */
  offer(event: FramedEvent): void {
    if (!isAfter(event.position, this.#position)) return
    this.#position = event.position
    if (this.#isPast(event) || (this.endUserId !== null && event.endUserId !== this.endUserId)) return
    this.write(event.frame(this.#version))
    if (event.ends) this.end()
  }

  #isPast({ position }: FramedEvent): boolean {
    if (this.#since === undefined) return false
    if (position.transaction >= this.#since.xmax) this.#since = undefined
    return this.#since !== undefined && hadEnded(this.#since, position.transaction)
  }

  /** Writes bytes; a client that has not taken what it was sent before is disconnected. */
  write(frame: Buffer): void {
    if (!this.isOpen) return
    // Looked at before, so that one event larger than the limit can still be sent.
    if (this.#response.writableLength > backlogBytesMax) this.drop()
    else this.#response.write(frame)
  }

  /** True when a replay should wait until `drained`. */
  get isFull(): boolean {
    return this.#response.writableLength > replayBytesMax
  }

  /** Resolves when the client has taken what it was sent, or is gone. */
  async drained(): Promise<void> {
    if (!this.isOpen || !this.#response.writableNeedDrain) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off('drain', done).off('close', done)
        resolve()
      }
      this.#response.on('drain', done).on('close', done)
    })
    this.#backlogAtTick = Infinity
  }

  /** Sends a ping, unless older bytes wait; a client that took none of them since the last tick is disconnected. */
  tick(ping: Buffer): void {
    const backlogBytes = this.#response.writableLength
    const waits = this.isOpen ? this.#response.writableNeedDrain : backlogBytes > 0
    if (waits && backlogBytes >= this.#backlogAtTick) return this.drop()
    this.#backlogAtTick = waits ? backlogBytes : Infinity
    if (!waits) this.write(ping)
  }

  /** Ends the stream; with a hint that there may be more after a reconnect. */
  end(hint?: 'reconnect'): void {
    if (!this.isOpen) return
    if (hint === undefined) this.#response.end()
    else this.#response.end(goodbye)
  }

  /** Cuts the connection, with whatever was not sent yet. */
  drop(): void {
    this.#response.destroy()
  }
}
