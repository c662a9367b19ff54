import type { Log } from '../log/log.ts'
import type { Wake, WakeTopic } from './wake.ts'

/** The wake-ups of one process. */
export interface LocalWake extends Wake {
  /** Wakes all listeners after a gap in which messages may have been missed. */
  wakeAll(): void
}

/** Wake-ups within one process; sufficient when a single process serves the instance. */
export function createLocalWake(log: Log): LocalWake {
  const listeners = new Map<WakeTopic, Set<(detail: string) => void>>()
  const wake = (topic: WakeTopic, detail: string) => {
    for (const listener of listeners.get(topic) ?? []) {
      try {
        listener(detail)
      } catch (error) {
        // The caller has done its own work and must not fail because of a listener.
        log.error({ err: error, topic }, 'A listener of wake-ups failed.')
      }
    }
  }
  return {
    wake,
    wakeAll() {
      for (const topic of listeners.keys()) wake(topic, '*')
    },
    subscribe(topic, listener) {
      const known = listeners.get(topic) ?? new Set()
      // Wrapped, so that the same function can be subscribed twice.
      const entry = (detail: string) => listener(detail)
      listeners.set(topic, known.add(entry))
      return () => void known.delete(entry)
    },
    close: async () => listeners.clear(),
  }
}
