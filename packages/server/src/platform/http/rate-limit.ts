import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import type { Log } from '../log/log.ts'

const windowSeconds = 60

/** The classes of the contract's table; the numbers per minute come from the configuration. */
export type LimitClass = 'runs' | 'import' | 'create' | 'default'
export type RateLimits = Readonly<Record<LimitClass, number>>

export interface RateLimitState {
  readonly limit: number
  readonly remaining: number
  readonly resetSeconds: number
  readonly allowed: boolean
}

export interface RateLimiter {
  /** Counts one request of the caller on a route. Never fails: without Redis it counts in memory. */
  take(limitClass: LimitClass, key: string): Promise<RateLimitState>
}

/** Counts in fixed windows of a minute: in Redis (one round trip) with memory as a fallback, or in memory. */
export function createRateLimiter(options: { limits: RateLimits; redis: Redis | undefined; log: Log }): RateLimiter {
  const limiters = {
    runs: createLimiter('runs', options),
    import: createLimiter('import', options),
    create: createLimiter('create', options),
    default: createLimiter('default', options),
  }
  return {
    async take(limitClass, key) {
      const limit = options.limits[limitClass]
      const result = await consume(limiters[limitClass], key)
      return {
        limit,
        remaining: Math.max(0, result.remainingPoints),
        resetSeconds: Math.ceil(result.msBeforeNext / 1000),
        allowed: result.consumedPoints <= limit,
      }
    },
  }
}

function createLimiter(
  limitClass: LimitClass,
  { limits, redis }: { limits: RateLimits; redis: Redis | undefined },
): RateLimiterAbstract {
  const settings = { points: limits[limitClass], duration: windowSeconds, keyPrefix: `rl:${limitClass}` }
  const memory = new RateLimiterMemory(settings)
  if (redis === undefined) return memory
  return new RateLimiterRedis({
    ...settings,
    storeClient: redis,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  })
}

async function consume(limiter: RateLimiterAbstract, key: string): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key)
  } catch (rejected) {
    if (rejected instanceof RateLimiterRes) return rejected
    throw rejected
  }
}

/** The headers of every reply under /api (IETF RateLimit header fields, draft-03 form of the API reference). */
export function rateLimitHeaders(state: RateLimitState): Record<string, string> {
  return {
    RateLimit: `limit=${state.limit}, remaining=${state.remaining}, reset=${state.resetSeconds}`,
    'RateLimit-Policy': `${state.limit};w=${windowSeconds}`,
    ...(state.allowed ? {} : { 'Retry-After': String(Math.max(1, state.resetSeconds)) }),
  }
}
