import type { Redis } from 'ioredis'
import {
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterAbstract,
  type RateLimiterRes,
} from 'rate-limiter-flexible'

export const windowSeconds = 60

/** The library refuses more points than this; the limits are compared here, because they differ between keys. */
const pointsMax = 1_000_000_000

/** What was counted in the current window of a key. */
export interface MinuteCount {
  readonly count: number
  /** How long the window lasts. */
  readonly resetMs: number
}

/** Counts by key in fixed windows of a minute. Never fails: without Redis it counts in memory. */
export interface MinuteCounter {
  add(key: string, points: number): Promise<MinuteCount>
  /** Takes back what was added in vain. */
  subtract(key: string, points: number): Promise<void>
  read(key: string): Promise<MinuteCount>
}

/** Counts in Redis (one round trip) with memory as a fallback, or in memory. */
export function createMinuteCounter({
  prefix,
  redis,
}: {
  readonly prefix: string
  readonly redis: Redis | undefined
}): MinuteCounter {
  const limiter = createLimiter(prefix, redis)
  return {
    add: async (key, points) => toCount(await limiter.consume(key, points)),
    subtract: async (key, points) => void (await limiter.reward(key, points)),
    read: async (key) => {
      const found = await limiter.get(key)
      return found === null ? { count: 0, resetMs: 0 } : toCount(found)
    },
  }
}

function createLimiter(keyPrefix: string, redis: Redis | undefined): RateLimiterAbstract {
  const settings = { points: pointsMax, duration: windowSeconds, keyPrefix }
  const memory = new RateLimiterMemory(settings)
  if (redis === undefined) return memory
  return new RateLimiterRedis({
    ...settings,
    storeClient: redis,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  })
}

function toCount({ consumedPoints, msBeforeNext }: RateLimiterRes): MinuteCount {
  return { count: Math.max(0, consumedPoints), resetMs: Math.max(0, msBeforeNext) }
}
