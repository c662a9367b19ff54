import type { ServerResponse } from 'node:http'
import type { Position } from '../../execution/runs/index.ts'
import { hadEnded, type Beginning } from './position.ts'
import { goodbye, type FramedEvent, type Source } from './source.ts'

/** Unsent bytes at which a live subscriber is disconnected; it can resume. */
const backlogBytesMax = 1_048_576
/** Unsent bytes at which a replay waits for the client. */
const replayBytesMax = 262_144

/** The secret of a key, or the session, that opened a stream. Its rights are checked again while the stream is open. */
export type Holder = { readonly secretHash: string } | { readonly userId: string; readonly sessionId: string }

export interface SubscriberOptions {
  readonly response: ServerResponse
  readonly source: Source
  readonly position: Position
  /** Events that were visible then are not sent. */
  readonly since: Beginning | undefined
  readonly version: string
  /** Only this end-user's events are sent; all events when null. */
  readonly endUserId: string | null
  readonly holder: Holder
  readonly openedAtMs: number
  /** When the holder's secret stops working; Infinity when that is not known. */
  readonly expiresAtMs: number
}

/** One open stream: its position, and which events it may receive. */
export class Subscriber {
  readonly source: Source
  readonly holder: Holder
  readonly openedAtMs: number
  readonly expiresAtMs: number
  readonly endUserId: string | null
  readonly #response: ServerResponse
  readonly #version: string
  #position: Position
  #since: Beginning | undefined
  #backlogAtTick = Infinity

  constructor(options: SubscriberOptions) {
    this.source = options.source
    this.holder = options.holder
    this.openedAtMs = options.openedAtMs
    this.expiresAtMs = options.expiresAtMs
    this.#response = options.response
    this.#version = options.version
    this.endUserId = options.endUserId
    this.#position = options.position
    this.#since = options.since
  }

  /** Events after this position have not been sent. */
  get position(): Position {
    return this.#position
  }

  /** Moves the position forward: the source has no unsent events up to it. */
  passTo(position: Position): void {
    if (position > this.#position) this.#position = position
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed
  }

  /** Sends an event that was not sent yet; ends the stream after the source's last one. */
  offer(event: FramedEvent): void {
    if (event.position <= this.#position) return
    this.#position = event.position
    if (this.#isPast(event) || (this.endUserId !== null && event.endUserId !== this.endUserId)) return
    this.write(event.frame(this.#version))
    if (event.ends) this.end()
  }

  #isPast({ position, transaction }: FramedEvent): boolean {
    if (this.#since === undefined) return false
    if (position > this.#since.last) this.#since = undefined
    return this.#since !== undefined && hadEnded(this.#since.snapshot, transaction)
  }

  /** Writes bytes; disconnects a client with too many unread bytes. */
  write(frame: Buffer): void {
    if (!this.isOpen) return
    // Check before writing, so that one event larger than the limit can still be sent.
    if (this.#response.writableLength > backlogBytesMax) this.abort()
    else this.#response.write(frame)
  }

  /** True when a replay should wait until `drained`. */
  get isFull(): boolean {
    return this.#response.writableLength > replayBytesMax
  }

  /** Resolves when the client has received everything that was written, or has disconnected. */
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

  /** Sends a ping unless bytes are unsent. Disconnects a client that received none of those since the last tick. */
  tick(ping: Buffer): void {
    const backlogBytes = this.#response.writableLength
    const waits = this.isOpen ? this.#response.writableNeedDrain : backlogBytes > 0
    if (waits && backlogBytes >= this.#backlogAtTick) return this.abort()
    this.#backlogAtTick = waits ? backlogBytes : Infinity
    if (!waits) this.write(ping)
  }

  /** Ends the stream. The hint tells the client to reconnect for further events. */
  end(hint?: 'reconnect'): void {
    if (!this.isOpen) return
    if (hint === undefined) this.#response.end()
    else this.#response.end(goodbye)
  }

  /** Closes the connection and discards unsent bytes. */
  abort(): void {
    this.#response.destroy()
  }
}
