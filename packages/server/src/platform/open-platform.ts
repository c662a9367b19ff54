import { mkdir } from 'node:fs/promises'
import { createPermissions } from './access/permissions.ts'
import { isLoopback } from './addresses/address.ts'
import { openBlobDirectory } from './blobs/blob-directory.ts'
import { systemClock, type Clock } from './clock/clock.ts'
import type { Config } from './config/config.ts'
import type { Secrets } from './config/secrets.ts'
import { parseKeyRing } from './crypto/key-ring.ts'
import type { Database } from './db/database.ts'
import { hooksOf } from './hooks/hooks.ts'
import { apiVersions, createVersionRegistry, type VersionRegistry } from './api-versions/api-version.ts'
import type { Feature } from './http/feature.ts'
import { problemTable } from './http/http-problems.ts'
import type { Log } from './log/log.ts'
import { createServices, type Platform } from './platform.ts'
import { openRedis } from './redis/redis.ts'
import { openWake } from './wake/open-wake.ts'

export interface PlatformParts {
  /** Every feature of the product. */
  readonly features: readonly Feature[]
  readonly config: Config
  readonly secrets: Secrets
  readonly database: Database
  readonly log: Log
  readonly clock?: Clock
  readonly versions?: VersionRegistry
}

export interface OpenPlatform extends Platform {
  /** Aborts `draining`: load balancers and clients are asked to use other nodes. */
  beginDrain(): void
  /** Aborts `stopping`, and `draining` if it was not yet. */
  beginStop(): void
  /** Closes services and connections, in the reverse order of opening. */
  close(): Promise<void>
}

/** Opens the capabilities that features build on. The database must already be migrated. */
export async function openPlatform(parts: PlatformParts): Promise<OpenPlatform> {
  const { config, database, log } = parts
  await mkdir(config.DATA_DIR, { recursive: true, mode: 0o700 })
  const redis = config.REDIS_URL === undefined ? undefined : openRedis(config.REDIS_URL, log)
  const wake = await openWake({ config, database, redis, log })
  const blobs = await openBlobDirectory(config.DATA_DIR)
  const drain = new AbortController()
  const stop = new AbortController()
  const services = createServices(() => platform)
  const platform: OpenPlatform = {
    config,
    secrets: parts.secrets,
    db: database.db,
    database,
    redis,
    blobs,
    keyRing: parseKeyRing(parts.secrets.encryptionKeys),
    wake,
    clock: parts.clock ?? systemClock,
    log,
    hooks: hooksOf(parts.features),
    versions: parts.versions ?? createVersionRegistry(apiVersions),
    permissions: createPermissions(parts.features),
    problems: problemTable(parts.features),
    draining: drain.signal,
    stopping: stop.signal,
    isTrustedOrigin: (origin) => trustedOrigins(config).includes(origin),
    use: services.use,
    beginDrain: () => drain.abort(),
    beginStop() {
      drain.abort()
      stop.abort()
    },
    async close() {
      // Close every part even if another one fails, and throw the first failure.
      const failures: unknown[] = []
      for (const close of [services.close, wake.close, async () => redis?.disconnect(), database.close]) {
        await close().catch((error: unknown) => failures.push(error))
      }
      if (failures.length > 0) throw failures[0]
    },
  }
  return platform
}

/** The URL at which browsers reach the server. */
export function appUrl(config: Pick<Config, 'APP_URL' | 'PORT'>): string {
  return (config.APP_URL ?? `http://localhost:${config.PORT}`).replace(/\/$/, '')
}

/**
 * The origins of pages that may call the API with cookies. Without APP_URL, a server on loopback has several names, of
 * which browsers use any.
 */
export function trustedOrigins(config: Pick<Config, 'APP_URL' | 'HOST' | 'PORT' | 'TRUSTED_ORIGINS'>): string[] {
  const isLocal = config.APP_URL === undefined && isLoopback(config.HOST)
  const names = isLocal ? ['127.0.0.1', '[::1]'].map((host) => `http://${host}:${config.PORT}`) : []
  return [...new Set([appUrl(config), ...names].map((url) => new URL(url).origin).concat(config.TRUSTED_ORIGINS))]
}
