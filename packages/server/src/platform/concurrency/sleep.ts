import { setTimeout as timer } from 'node:timers/promises'

/** Resolves after `delayMs`. Rejects with the signal's reason as soon as it aborts. */
export async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await timer(delayMs, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error
  }
}
