/** Lets at most `max` pieces of work run at a time, in the order of asking. */
export interface Semaphore {
  /** Runs `work` when there is room. Rejects with the signal's reason when it aborts first. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

export function createSemaphore(max: number): Semaphore {
  const waiting = new Set<() => void>()
  let running = 0
  const leave = () => {
    running -= 1
    const [next] = waiting
    if (next !== undefined) {
      waiting.delete(next)
      next()
    }
  }
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      signal.throwIfAborted()
      const start = () => {
        signal.removeEventListener('abort', giveUp)
        running += 1
        resolve()
      }
      const giveUp = () => {
        waiting.delete(start)
        reject(signal.reason instanceof Error ? signal.reason : new Error('Aborted.'))
      }
      if (running < max) return start()
      waiting.add(start)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  return {
    async run(signal, work) {
      await enter(signal)
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
