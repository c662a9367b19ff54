import type { Service } from '../platform.ts'

/** How often the delay is measured, in milliseconds. */
const sampleMs = 20
/** How long it is measured after the last call of `watch`: an idle process does not wake up for it. */
const watchMs = 1_000
/** The part of the latest sample in the mean: a single pause, such as a garbage collection, counts little. */
const weight = 0.3
/** Above this delay, in milliseconds, work in the background takes turns. */
const busyMs = 10
/** How many pieces of it start per sample: some in any case, so that it goes on however many requests there are. */
const startsPerSample = { busy: 1, calm: 10 }

/** How much later than due the event loop of this process runs timers, while requests come. */
export class LoopDelay {
  readonly #waiting = new Set<() => void>()
  #meanMs = 0
  #watchedUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** The moving mean over about the last 100 ms, in milliseconds; 0 while no requests come. */
  get ms(): number {
    return this.#meanMs
  }

  /** Requests come, and the loop is late. */
  get isLate(): boolean {
    return this.#meanMs > busyMs
  }

  /** Requests have come: measures for a second from now on. */
  watch(): void {
    this.#watchedUntilMs = performance.now() + watchMs
    if (this.#timer === undefined && !this.#isClosed) this.#sample()
  }

  /**
   * For work in the background that is about to use the loop for a while: resolves at once while the loop is not late,
   * otherwise in turn, at intervals. Requests come first.
   */
  async yieldToRequests(signal?: AbortSignal): Promise<void> {
    if ((!this.isLate && this.#waiting.size === 0) || this.#isClosed || signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      const start = () => {
        this.#waiting.delete(start)
        signal?.removeEventListener('abort', start)
        resolve()
      }
      this.#waiting.add(start)
      signal?.addEventListener('abort', start, { once: true })
    })
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const start of this.#waiting) start()
  }

  #sample(): void {
    const dueMs = performance.now() + sampleMs
    this.#timer = setTimeout(() => {
      const nowMs = performance.now()
      this.#meanMs += (nowMs - dueMs - this.#meanMs) * weight
      this.#startSome()
      if (nowMs < this.#watchedUntilMs || this.#waiting.size > 0) return this.#sample()
      this.#timer = undefined
      this.#meanMs = 0
    }, sampleMs).unref()
  }

  #startSome(): void {
    let left = this.isLate ? startsPerSample.busy : startsPerSample.calm
    for (const start of this.#waiting) {
      if (left === 0) return
      left -= 1
      start()
    }
  }
}

/** The process's one measurement. */
export const loopDelay: Service<LoopDelay> = {
  name: 'loop delay',
  open: () => new LoopDelay(),
  close: async (delay) => delay.close(),
}
