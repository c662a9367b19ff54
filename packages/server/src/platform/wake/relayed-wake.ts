import type { Coalesced } from './coalesce.ts'
import { wakeTopics, type Wake } from './wake.ts'

/** Wakes this process at once and other nodes by `outgoing`; `leave` ends what was heard of them. */
export function relayedWake(local: Wake, outgoing: Coalesced, leave: () => void): Wake {
  return {
    wake(topic, detail) {
      local.wake(topic, detail)
      outgoing.add(topic, detail)
    },
    subscribe: local.subscribe,
    async close() {
      await outgoing.stop()
      leave()
      await local.close()
    },
  }
}

/** Hands a message of another node on to this process. */
export function hear(local: Wake, outgoing: Coalesced, message: string): void {
  for (const [topic, detail] of outgoing.read(message)) local.wake(topic, detail)
}

/** For after a gap in which nothing was heard: everybody looks for themselves. */
export function wakeAll(local: Wake): void {
  for (const topic of wakeTopics) local.wake(topic, '*')
}
