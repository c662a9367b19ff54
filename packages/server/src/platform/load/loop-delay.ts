import type { Service } from '../platform.ts'

/** How often the delay is measured, in milliseconds. */
const sampleMs = 20
/** How long it is measured after the last call of `watch`: an idle process does not wake up for it. */
const watchMs = 1_000
/** The part of the latest sample in the mean: a single pause, such as a garbage collection, counts little. */
const weight = 0.3

/** How much later than due the event loop of this process runs timers. */
export class LoopDelay {
  #meanMs = 0
  #watchedUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** The moving mean over about the last 100 ms, in milliseconds. */
  get ms(): number {
    return this.#meanMs
  }

  /** Measures for a second from now on. */
  watch(): void {
    this.#watchedUntilMs = performance.now() + watchMs
    if (this.#timer === undefined && !this.#isClosed) this.#sample()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #sample(): void {
    const dueMs = performance.now() + sampleMs
    this.#timer = setTimeout(() => {
      const nowMs = performance.now()
      this.#meanMs += (nowMs - dueMs - this.#meanMs) * weight
      if (nowMs < this.#watchedUntilMs) return this.#sample()
      this.#timer = undefined
      this.#meanMs = 0
    }, sampleMs).unref()
  }
}

/** The process's one measurement. */
export const loopDelay: Service<LoopDelay> = {
  name: 'loop delay',
  open: () => new LoopDelay(),
  close: async (delay) => delay.close(),
}
