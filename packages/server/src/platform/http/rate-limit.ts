import type { Redis } from 'ioredis'
import { createMinuteCounter, windowSeconds } from './minute-counter.ts'

/** The classes of the contract's table; the numbers per minute come from the configuration. */
export const limitClasses = ['runs', 'import', 'create', 'default'] as const
export type LimitClass = (typeof limitClasses)[number]
export type RateLimits = Readonly<Record<LimitClass, number>>

export interface RateLimitState {
  readonly limit: number
  readonly remaining: number
  readonly resetSeconds: number
  readonly allowed: boolean
}

export interface RateLimiter {
  /** The numbers that apply to a caller who has no limits of their own. */
  readonly limits: RateLimits
  /** Counts one request of the caller on a route, against `limit`. Never fails: without Redis it counts in memory. */
  take(limitClass: LimitClass, key: string, limit?: number): Promise<RateLimitState>
}

/** Counts in fixed windows of a minute: in Redis (one round trip) with memory as a fallback, or in memory. */
export function createRateLimiter({
  limits,
  redis,
}: {
  readonly limits: RateLimits
  readonly redis: Redis | undefined
}): RateLimiter {
  const counterOf = (limitClass: LimitClass) => createMinuteCounter({ prefix: `rl:${limitClass}`, redis })
  const counters = {
    runs: counterOf('runs'),
    import: counterOf('import'),
    create: counterOf('create'),
    default: counterOf('default'),
  }
  return {
    limits,
    async take(limitClass, key, limit = limits[limitClass]) {
      const { count, resetMs } = await counters[limitClass].add(key, 1)
      return {
        limit,
        remaining: Math.max(0, limit - count),
        resetSeconds: Math.ceil(resetMs / 1000),
        allowed: count <= limit,
      }
    },
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
