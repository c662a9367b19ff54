import { Redis } from 'ioredis'
import type { Log } from '../log/log.ts'

/** A Redis that is silent for so long counts as down: no request waits for it longer. */
const silenceMaxMs = 1_000

/** A connection that reconnects by itself, and fails a command at once while it is down instead of queueing or repeating it. */
export function openRedis(url: string, log: Log): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 5_000,
    socketTimeout: silenceMaxMs,
    retryStrategy: (attempt) => Math.min(200 * attempt, 5_000),
  })
  // ioredis repeats an error for each attempt: one line per outage is enough.
  let isDown = false
  const reportDown = (error?: Error) => {
    if (!isDown)
      log.warn(
        error === undefined ? {} : { err: error },
        'Redis is not reachable: limits are counted in memory until it is back.',
      )
    isDown = true
  }
  redis.on('error', reportDown)
  redis.on('reconnecting', () => reportDown())
  redis.on('ready', () => {
    if (isDown) log.info('Redis is back.')
    isDown = false
  })
  return redis
}
