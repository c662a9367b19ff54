/** What is measured: how long work waits, in milliseconds. */
export interface Delays {
  /** How late the event loop is. */
  readonly loopMs: number
  /** How long requests wait for a database connection. */
  readonly connectionMs: number
}

/** So many requests do not overload the server: if it is slow with fewer, that has another reason. */
const limitMin = 64
/** Requests for each millisecond of the target: what a burst may have in progress before anything is measured. */
const burstPerMs = 2.5

/**
 * How many requests may be in progress. Bounds the time that they wait, not their number: the limit falls while they
 * wait for each other longer than the target, and grows otherwise.
 */
export class AdaptiveLimit {
  readonly #targets: Delays
  readonly #max: number
  #limit: number

  /** `waitMs`: about how long the waits of one request may take together. */
  constructor(waitMs: number) {
    // A request needs several turns of the loop, and about two connections.
    this.#targets = { loopMs: waitMs / 4, connectionMs: waitMs / 2 }
    this.#max = Math.max(2 * limitMin, waitMs * burstPerMs)
    this.#limit = this.#max
  }

  get value(): number {
    return this.#limit
  }

  /** To be called ten times a second, with the most requests that were in progress at a time since the last call. */
  adapt({ loopMs, connectionMs }: Delays, peak: number): void {
    const pressure = Math.max(loopMs / this.#targets.loopMs, connectionMs / this.#targets.connectionMs)
    if (pressure > 1 && peak > limitMin) {
      // A limit above what is in progress has no effect: begin where it has one.
      const used = Math.min(this.#limit, peak)
      this.#limit = Math.max(limitMin, Math.floor(used * (pressure > 2 ? 0.7 : 0.9)))
    } else if (pressure <= 1) {
      this.#limit = Math.min(this.#max, Math.ceil(this.#limit * 1.05) + 1)
    }
  }
}
