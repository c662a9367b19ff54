import type { Platform } from '../../../platform/platform.ts'
import { saveKeyUses } from '../api-keys/index.ts'

/** Keys whose use is remembered at a time. Beyond that a use is not noted: it will be, when the key is used again after the next write. */
const notedKeysMax = 50_000
/** Keys in one write. */
const batchKeys = 1_000

/** When keys were last used: gathered in memory and written together, so that no request writes. */
export interface KeyUses {
  note(keyId: string, at: Date): void
  /** Writes what was gathered. */
  stop(): Promise<void>
}

/** Begins to gather, and to write every `intervalMs` until the stop. */
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
      log.debug({ err: error }, 'The uses of API keys were not noted.')
    }
  }
  const writeAfterwards = () => (writing = writing.then(write))
  const timer = setInterval(() => void writeAfterwards(), intervalMs)
  timer.unref()
  return {
    note(keyId, at) {
      if (uses.size < notedKeysMax || uses.has(keyId)) uses.set(keyId, at)
    },
    async stop() {
      clearInterval(timer)
      await writeAfterwards()
    },
  }
}
