import type { Coalesced } from './coalesce.ts'
import type { Wake } from './wake.ts'

/** Wakes this process at once and other nodes by `outgoing`; `disconnect` ends receiving from them. */
export function relayedWake(local: Wake, outgoing: Coalesced, disconnect: () => void): Wake {
  return {
    wake(topic, detail) {
      local.wake(topic, detail)
      outgoing.add(topic, detail)
    },
    subscribe: local.subscribe,
    async close() {
      await outgoing.stop()
      disconnect()
      await local.close()
    },
  }
}

/** Passes the wake-ups in a message of another node to this process. */
export function hear(local: Wake, outgoing: Coalesced, message: string): void {
  for (const [topic, detail] of outgoing.read(message)) local.wake(topic, detail)
}
