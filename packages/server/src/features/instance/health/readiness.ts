import type { Log } from '../../../platform/log/log.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { pingDatabase } from './health-store.ts'

/** Throws an Error with the reason if the component does not work. */
export type ReadinessCheck = () => Promise<void>

export interface Readiness {
  /** Adds a component that must work before the process receives traffic. Each process adds its own. */
  add(name: string, check: ReadinessCheck): void
  /** Adds a component without which the process can still serve. */
  addOptional(name: string, check: ReadinessCheck): void
  /** Whether traffic is refused while the component does not work. */
  isRequired(name: string): boolean
  /** Checks each component: the reason why it does not work, or undefined. */
  run(): Promise<Record<string, string | undefined>>
}

const checkTimeoutMs = 2_000

/** The components of this process that `/ready` checks. */
export const readiness: Service<Readiness> = {
  name: 'readiness',
  open({ db, log }: Platform) {
    const checks = new Map<string, ReadinessCheck>()
    const optional = new Set<string>()
    checks.set('database', () => pingDatabase(db))
    return {
      add: (name, check) => void checks.set(name, check),
      addOptional(name, check) {
        checks.set(name, check)
        optional.add(name)
      },
      isRequired: (name) => !optional.has(name),
      async run() {
        const entries = await Promise.all(
          [...checks].map(async ([name, check]) => [name, await reasonOf(log, name, check)] as const),
        )
        return Object.fromEntries(entries)
      },
    }
  },
}

async function reasonOf(log: Log, name: string, check: ReadinessCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    // setImmediate lets pending I/O be read first: a blocked event loop must not look like a component that hangs.
    timer = setTimeout(
      () => setImmediate(() => reject(new Error(`does not answer within ${checkTimeoutMs} ms`))),
      checkTimeoutMs,
    )
  })
  try {
    await Promise.race([check(), timeout])
    return undefined
  } catch (error) {
    log.warn({ err: error, part: name }, 'A component is not ready.')
    return name === 'database' ? 'is not reachable' : error instanceof Error ? error.message : 'does not work'
  } finally {
    clearTimeout(timer)
  }
}
