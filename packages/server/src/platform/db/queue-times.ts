/** One wait in a queue. */
export interface Wait {
  /** The wait is over; further calls have no effect. */
  end(): void
}

/** How long work waits in a queue. */
export class QueueTimes {
  readonly #sinceMs = new Set<{ readonly sinceMs: number }>()
  #ended = 0
  #endedMs = 0

  /** A wait begins now. */
  begin(): Wait {
    const entry = { sinceMs: performance.now() }
    this.#sinceMs.add(entry)
    return {
      end: () => {
        if (!this.#sinceMs.delete(entry)) return
        this.#ended += 1
        this.#endedMs += performance.now() - entry.sinceMs
      },
    }
  }

  /**
   * The mean of the waits that ended since the last call, in milliseconds. If none ended, the time of the longest wait
   * that goes on; 0 if nothing waits.
   */
  takeMs(): number {
    const [oldest] = this.#sinceMs
    const goingOnMs = oldest === undefined ? 0 : performance.now() - oldest.sinceMs
    const meanMs = this.#ended === 0 ? goingOnMs : this.#endedMs / this.#ended
    this.#ended = 0
    this.#endedMs = 0
    return meanMs
  }
}
