import type { Platform, Service } from '../../../platform/platform.ts'
import { pingDatabase } from './health-store.ts'

/** Throws an Error whose message says what is wrong, when the part does not work. */
export type ReadinessCheck = () => Promise<void>

export interface Readiness {
  /** Adds a part that must work before traffic comes; processes add what they run. */
  add(name: string, check: ReadinessCheck): void
  /** Each part with undefined, or with why it does not work. */
  run(): Promise<Record<string, string | undefined>>
}

const checkTimeoutMs = 2_000

/** The parts of this process that `/ready` looks at. */
export const readiness: Service<Readiness> = {
  name: 'readiness',
  open(platform: Platform) {
    const checks = new Map<string, ReadinessCheck>()
    checks.set('database', () => pingDatabase(platform.db))
    return {
      add: (name, check) => void checks.set(name, check),
      async run() {
        const entries = await Promise.all(
          [...checks].map(async ([name, check]) => [name, await reasonOf(platform, name, check)] as const),
        )
        return Object.fromEntries(entries)
      },
    }
  },
}

async function reasonOf(platform: Platform, name: string, check: ReadinessCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    // After the input that is there is read: a pause of our own must not be taken for a part that hangs.
    timer = setTimeout(
      () => setImmediate(() => reject(new Error(`does not answer within ${checkTimeoutMs} ms`))),
      checkTimeoutMs,
    )
  })
  try {
    await Promise.race([check(), timeout])
    return undefined
  } catch (error) {
    platform.log.warn({ err: error, part: name }, 'A part is not ready.')
    return name === 'database' ? 'is not reachable' : error instanceof Error ? error.message : 'does not work'
  } finally {
    clearTimeout(timer)
  }
}
