import type { Log } from '../../log/log.ts'
import type { Platform, Service } from '../../platform.ts'
import { createFairSemaphore, type FairSemaphore } from '../../concurrency/fair-semaphore.ts'
import { loopDelay, type LoopDelay } from '../../load/loop-delay.ts'
import type { QueueTimes } from '../../db/queue-times.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { Admission, type Entrant } from './admission.ts'
import { KnownCallers } from './known-callers.ts'

const adaptMs = 100
const anonymousPlaces = { max: 8, waitingMax: 200, waitMaxMs: 30_000 }
/** An episode of overload ends when nothing was refused for this long, in milliseconds. */
const episodeMs = 10_000

/** Refuses requests that would wait too long, before anything else is done for them. */
export interface LoadShedder {
  /** Starts a request and returns the function that ends it; undefined when it must be refused. */
  enter(entrant: Entrant): (() => void) | undefined
  readonly known: KnownCallers
  /**
   * The places for changes of people who are not signed in, shared between their networks. Passwords are hashed in few
   * threads, in the order in which they come: one address must not fill that queue.
   */
  readonly anonymousChanges: FairSemaphore
  /** How many requests may be in progress at present. */
  readonly limit: number
  readonly inProgress: number
  /** What is refused at present, as a sentence; undefined when nothing was refused in the last seconds. */
  describe(): string | undefined
}

/** The process's one load shedder. */
export const loadShedder: Service<LoadShedder & { close(): void }> = {
  name: 'load shedder',
  open: ({ config, database, log, use }: Platform) =>
    new Shedder({ waitMs: config.OVERLOAD_WAIT_MS, waits: database.waits, delay: use(loopDelay), log }),
  close: async (shedder) => shedder.close(),
}

interface ShedderParts {
  readonly waitMs: number
  readonly waits: QueueTimes
  readonly delay: LoopDelay
  readonly log: Log
}

class Shedder implements LoadShedder {
  readonly known = new KnownCallers()
  readonly anonymousChanges = createFairSemaphore(anonymousPlaces)
  readonly #parts: ShedderParts
  readonly #limit: AdaptiveLimit
  readonly #admission = new Admission()
  #timer: NodeJS.Timeout | undefined
  #usedAtMs = -Infinity
  #episode: { refused: number; creations: number; lastMs: number } | undefined

  constructor(parts: ShedderParts) {
    this.#parts = parts
    this.#limit = new AdaptiveLimit(parts.waitMs)
  }

  get limit(): number {
    return this.#limit.value
  }

  get inProgress(): number {
    return this.#admission.total
  }

  enter(entrant: Entrant): (() => void) | undefined {
    this.#usedAtMs = performance.now()
    this.#parts.delay.watch()
    this.#timer ??= setInterval(() => this.#adapt(), adaptMs).unref()
    const leave = this.#admission.enter(entrant, this.#limit.value)
    if (leave === undefined) this.#noteRefused(entrant)
    return leave
  }

  describe(): string | undefined {
    if (this.#episode === undefined) return undefined
    return `load is too high: ${this.#episode.refused} requests were refused`
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #adapt(): void {
    const { waits, delay } = this.#parts
    const nowMs = performance.now()
    this.#limit.adapt({ loopMs: delay.ms, connectionMs: waits.takeMs() }, this.#admission.takePeak())
    if (this.#episode !== undefined && nowMs - this.#episode.lastMs > episodeMs) this.#endEpisode()
    const isIdle = this.#admission.total === 0 && this.#episode === undefined
    if (!isIdle) return delay.watch()
    // Until the limit has grown again.
    if (nowMs - this.#usedAtMs < episodeMs) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #noteRefused({ isCreation }: Entrant): void {
    const lastMs = performance.now()
    if (this.#episode === undefined) {
      this.#episode = { refused: 0, creations: 0, lastMs }
      const { delay, log } = this.#parts
      log.warn(
        { limit: this.#limit.value, loopDelayMs: Math.round(delay.ms) },
        'The load is too high: requests are refused. The end of this is logged with their number.',
      )
    }
    this.#episode.refused += 1
    this.#episode.creations += isCreation ? 1 : 0
    this.#episode.lastMs = lastMs
  }

  #endEpisode(): void {
    const { refused, creations } = this.#episode ?? {}
    this.#episode = undefined
    this.#parts.log.warn({ refused, creations }, 'The load is no longer too high: no request is refused.')
  }
}
