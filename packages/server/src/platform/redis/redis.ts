import { Redis } from 'ioredis'
import type { Log } from '../log/log.ts'

/** A Redis that does not answer for this long counts as down, so that no request waits longer. */
const silenceMaxMs = 1_000

/** Opens a connection that reconnects by itself. While it is down, commands fail at once and are not queued. */
export function openRedis(url: string, log: Log): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    socketTimeout: silenceMaxMs,
    retryStrategy: (attempt) => Math.min(200 * attempt, 2_000),
  })
  // ioredis repeats the error for each attempt; log one line per outage.
  let isDown = false
  const reportDown = (error?: Error) => {
    if (!isDown)
      log.warn(
        error === undefined ? {} : { err: error },
        'Redis is unreachable: limits are counted in memory until it is available again.',
      )
    isDown = true
  }
  redis.on('error', reportDown)
  redis.on('reconnecting', () => reportDown())
  redis.on('ready', () => {
    if (isDown) log.info('Redis is available again.')
    isDown = false
  })
  return redis
}
