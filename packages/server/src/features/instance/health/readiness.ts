import type { Db } from '../../../platform/db/database.ts'
import { databaseFailureOf } from '../../../platform/db/database-failure.ts'
import { loadShedder } from '../../../platform/http/load/load-shedder.ts'
import type { Log } from '../../../platform/log/log.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { isDatabaseWritable } from './health-store.ts'

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
  /** What does not work on any node, although requests are served. */
  degraded(): string[]
}

const checkTimeoutMs = 2_000

/** The components of this process that `/ready` checks. */
export const readiness: Service<Readiness> = {
  name: 'readiness',
  open({ db, database, redis, log, use }: Platform) {
    const checks = new Map<string, ReadinessCheck>()
    const optional = new Set<string>()
    checks.set('database', () => checkDatabase(db))
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
      degraded() {
        const failures = database.recentFailures()
        const load = use(loadShedder).describe()
        return [
          ...(load === undefined ? [] : [load]),
          ...(failures.has('full') ? ['database has no room left: nothing can be stored'] : []),
          ...(failures.has('locked') ? ['database keeps locked what some requests need'] : []),
          ...(redis === undefined || redis.status === 'ready'
            ? []
            : ['redis is not reachable: limits are per process']),
        ]
      },
    }
  },
}

async function checkDatabase(db: Db): Promise<void> {
  if (!(await isDatabaseWritable(db))) throw new Error('is read-only')
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
    if (databaseFailureOf(error) !== undefined) return 'is not reachable'
    return error instanceof Error ? error.message : 'does not work'
  } finally {
    clearTimeout(timer)
  }
}
