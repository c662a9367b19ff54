import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { inject } from 'vitest'
import { portOf } from '../platform/http/port-of.ts'
import { startWorker, type Worker } from '../features/execution/queue/index.ts'
import { detectSandbox } from '../features/execution/sandboxes/index.ts'
import { features as allFeatures } from '../features/index.ts'
import type { Clock } from '../platform/clock/clock.ts'
import { findConfigPaths } from '../platform/config/config-paths.ts'
import { parseConfig, variablesOf, type Environment } from '../platform/config/config.ts'
import { generateEncryptionKey } from '../platform/crypto/key-ring.ts'
import { openDatabase } from '../platform/db/database.ts'
import type { VersionRegistry } from '../platform/api-versions/api-version.ts'
import type { Feature } from '../platform/http/feature.ts'
import { createLog } from '../platform/log/log.ts'
import { jobsOf } from '../processes/jobs-of.ts'
import { inBackground } from '../platform/in-background.ts'
import { startJobs } from '../platform/jobs/start-jobs.ts'
import { openPlatform, type OpenPlatform } from '../platform/open-platform.ts'
import { buildApi } from '../processes/serve-api.ts'
import { createTenant, type Tenant, type TenantOptions } from './factories/tenant.ts'
import { requester, type Send } from './request.ts'
import { cloneDatabase } from './test-database.ts'

export interface World {
  /** `http://127.0.0.1:<port>` of a real listening server. */
  readonly url: string
  readonly platform: OpenPlatform
  /** What the server logged, one JSON object a line. */
  readonly logLines: readonly string[]
  /** Sends a request without credentials. */
  readonly send: Send
  /** A new organization with an owner, an application and an API key that holds every grantable scope. */
  tenant(options?: TenantOptions): Promise<Tenant>
  /** Runs that the world's worker holds. */
  activeRuns(): number
  close(): Promise<void>
}

export interface WorldOptions {
  readonly features?: readonly Feature[]
  readonly environment?: Environment
  readonly clock?: Clock
  readonly versions?: VersionRegistry
  /** Executes runs too, with the sandbox of this machine. */
  readonly worker?: boolean
  /** Runs the features' jobs too, and the relay of the outbox. */
  readonly jobs?: boolean
}

/** A listening server with its own database. Limits of load are too high to matter, unless the test sets them. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'appstrate-world-'))
  const testDatabase = await cloneDatabase()
  const redisUrl = inject('redisUrl')
  // All features contribute words and hooks, because the test of one endpoint may serve no other feature.
  const declared = [...new Set([...allFeatures, ...(options.features ?? [])])]
  const config = parseConfig(
    {
      PORT: '0',
      DATA_DIR: dataDir,
      RATE_LIMIT_RUNS: '100000',
      RATE_LIMIT_IMPORT: '100000',
      RATE_LIMIT_CREATE: '100000',
      RATE_LIMIT_DEFAULT: '100000',
      OVERLOAD_WAIT_MS: '60000',
      // Worlds share one Redis: the prefix keeps their counts for 127.0.0.1 apart.
      ...(redisUrl === null ? {} : { REDIS_URL: `${redisUrl}?keyPrefix=${basename(dataDir)}:` }),
      ...options.environment,
    },
    declared,
  )
  const logLines: string[] = []
  const log = createLog('debug', { write: (line) => void logLines.push(line) })
  const database = openDatabase(testDatabase.address, { connectionsMax: 10, log })
  const secrets = { encryptionKeys: generateEncryptionKey('1'), authSecret: 'a secret of the tests, 32 characters' }
  const platform = await openPlatform({
    features: declared,
    config,
    secrets,
    database,
    log,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.versions === undefined ? {} : { versions: options.versions }),
  })
  await isConnected(platform)
  const app = await buildApi(platform, options.features ?? allFeatures)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const worker = options.worker === true ? await openWorker(inBackground(platform)) : undefined
  const jobs =
    options.jobs === true ? startJobs(inBackground(platform), jobsOf(options.features ?? allFeatures)) : undefined
  const url = `http://127.0.0.1:${portOf(app.server.address())}`
  return {
    url,
    platform,
    logLines,
    send: requester(url, {}),
    tenant: (tenantOptions) => createTenant(platform, url, tenantOptions),
    activeRuns: () => worker?.activeRuns() ?? 0,
    async close() {
      platform.beginStop()
      await Promise.all([app.close(), worker?.stop(), jobs?.stop()])
      await platform.close()
      await testDatabase.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

// Before Redis is connected, limits are counted in memory: a test that counts requests would use both counters.
async function isConnected({ redis }: OpenPlatform): Promise<void> {
  for (
    const deadline = Date.now() + 5_000;
    redis !== undefined && redis.status !== 'ready' && Date.now() < deadline;
  ) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function openWorker(platform: OpenPlatform): Promise<Worker> {
  const { config, log } = platform
  const hidden = findConfigPaths(config, variablesOf(allFeatures))
  const detection = await detectSandbox({ preference: config.SANDBOX, log, hidden, dataDir: config.DATA_DIR })
  return startWorker({ platform, detection, sandboxesMax: platform.config.SANDBOXES_CONCURRENT })
}
