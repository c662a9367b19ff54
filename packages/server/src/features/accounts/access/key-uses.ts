import type { Platform } from '../../../platform/platform.ts'
import { saveKeyUses } from '../api-keys/index.ts'

/** Keys whose use is held in memory until the next write. A further key's use is saved when it is used again. */
const recordedKeysMax = 50_000
/** Keys in one write. */
const batchKeys = 1_000

/** Collects in memory when keys were last used, and saves it in batches, so that no request has to write. */
export interface KeyUses {
  record(keyId: string, at: Date): void
  /** Saves what was collected, and stops. */
  stop(): Promise<void>
}

/** Starts to collect, and to save every `intervalMs` until the stop. */
export function startKeyUses({ db, log }: Pick<Platform, 'db' | 'log'>, intervalMs: number): KeyUses {
  let uses = new Map<string, Date>()
  let writing = Promise.resolve()
  const write = async () => {
    const gathered = [...uses]
    uses = new Map()
    try {
      for (let from = 0; from < gathered.length; from += batchKeys)
        await saveKeyUses(db, new Map(gathered.slice(from, from + batchKeys)))
    } catch (error) {
      log.debug({ err: error }, 'The last uses of API keys could not be saved.')
    }
  }
  const writeAfterwards = () => (writing = writing.then(write))
  const timer = setInterval(() => void writeAfterwards(), intervalMs)
  timer.unref()
  return {
    record(keyId, at) {
      if (uses.size < recordedKeysMax || uses.has(keyId)) uses.set(keyId, at)
    },
    async stop() {
      clearInterval(timer)
      await writeAfterwards()
    },
  }
}
