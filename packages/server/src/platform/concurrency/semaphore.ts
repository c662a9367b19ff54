/** Limits how many pieces of work run at the same time; the others wait in the order in which they came. */
export interface Semaphore {
  /** Runs `work` when a place is free. Rejects with the signal's reason if it aborts while `work` waits. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** A semaphore with `max` places. */
export function createSemaphore(max: number): Semaphore {
  const waiting = new Set<() => void>()
  let running = 0
  const release = () => {
    running -= 1
    const [next] = waiting
    if (next === undefined) return
    waiting.delete(next)
    next()
  }
  const acquire = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      signal?.throwIfAborted()
      const start = () => {
        signal?.removeEventListener('abort', cancel)
        running += 1
        resolve()
      }
      const cancel = () => {
        waiting.delete(start)
        reject(signal?.reason instanceof Error ? signal.reason : new Error('Aborted.'))
      }
      if (running < max) return start()
      waiting.add(start)
      signal?.addEventListener('abort', cancel, { once: true })
    })
  return {
    async run(work, signal) {
      await acquire(signal)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
