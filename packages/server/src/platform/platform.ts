import type { Redis } from 'ioredis'
import type { Permissions } from './access/permissions.ts'
import type { BlobDirectory } from './blobs/blob-directory.ts'
import type { Clock } from './clock/clock.ts'
import type { Config } from './config/config.ts'
import type { Secrets } from './config/secrets.ts'
import type { KeyRing } from './crypto/key-ring.ts'
import type { Database, Db } from './db/database.ts'
import type { Hooks } from './hooks/hooks.ts'
import type { VersionRegistry } from './api-versions/api-version.ts'
import type { Log } from './log/log.ts'
import type { ProblemTable } from './problems/problem.ts'
import type { Wake } from './wake/wake.ts'

/** The capabilities that features build on: opened once per process, closed in reverse order. */
export interface Platform {
  readonly config: Config
  readonly secrets: Secrets
  readonly db: Db
  readonly database: Database
  readonly redis: Redis | undefined
  readonly blobs: BlobDirectory
  readonly keyRing: KeyRing
  readonly wake: Wake
  readonly clock: Clock
  readonly log: Log
  /** What features contribute to actions of features that do not import them. */
  readonly hooks: Hooks
  readonly versions: VersionRegistry
  /** What each role may do, and what API keys can hold. */
  readonly permissions: Permissions
  /** The problems of the HTTP layer and of every feature. */
  readonly problems: ProblemTable
  /** Aborts when the process wants no new traffic, but still serves what arrives; before `stopping`. */
  readonly draining: AbortSignal
  /** Aborts when the process begins to stop. */
  readonly stopping: AbortSignal
  /** True for the origin of APP_URL and those of TRUSTED_ORIGINS. */
  isTrustedOrigin(origin: string): boolean
  /** The process's one instance of a service, opened at its first use. */
  use<T>(service: Service<T>): T
}

/** Something stateful that a feature keeps once per process, such as a hub of open streams. */
export interface Service<T> {
  readonly name: string
  open(platform: Platform): T
  close?(instance: T): Promise<void>
}

/** The lazily opened services of a platform. */
export function createServices(platformOf: () => Platform): { use: Platform['use']; close(): Promise<void> } {
  const open = new Map<Service<never>, unknown>()
  const closers: (() => Promise<void>)[] = []
  return {
    use<T>(service: Service<T>): T {
      // The map is keyed by the service, whose type parameter is the type of its instance.
      const key = service as Service<never>
      if (!open.has(key)) {
        const instance = service.open(platformOf())
        open.set(key, instance)
        if (service.close !== undefined) closers.unshift(() => service.close?.(instance) ?? Promise.resolve())
      }
      return open.get(key) as T
    },
    async close() {
      const failures: unknown[] = []
      for (const close of closers.splice(0)) await close().catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw new AggregateError(failures, 'A service could not be closed.')
    },
  }
}
