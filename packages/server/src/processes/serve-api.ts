import type { FastifyInstance } from 'fastify'
import { createAccess } from '../features/accounts/access/index.ts'
import { createApi } from '../platform/http/create-api.ts'
import type { Feature } from '../platform/http/feature.ts'
import type { IdempotencyStore } from '../platform/http/idempotency/idempotency.ts'
import { createPostgresIdempotency } from '../platform/http/idempotency/postgres-idempotency.ts'
import { createRateLimiter } from '../platform/http/rate-limit.ts'
import { createRedisIdempotency } from '../platform/http/idempotency/redis-idempotency.ts'
import type { Platform } from '../platform/platform.ts'

/** Builds the API on a platform, with authentication. */
export function buildApi(platform: Platform, features: readonly Feature[]): Promise<FastifyInstance> {
  const { config, redis } = platform
  return createApi({
    platform,
    features,
    access: createAccess(platform),
    limiter: createRateLimiter({
      limits: {
        runs: config.RATE_LIMIT_RUNS,
        import: config.RATE_LIMIT_IMPORT,
        create: config.RATE_LIMIT_CREATE,
        default: config.RATE_LIMIT_DEFAULT,
      },
      redis,
    }),
    idempotency: idempotencyStore(platform),
  })
}

function idempotencyStore({ db, redis, log }: Pick<Platform, 'db' | 'redis' | 'log'>): IdempotencyStore {
  const durable = createPostgresIdempotency(db)
  return redis === undefined ? durable : createRedisIdempotency(redis, { fallback: durable, log })
}
