import type { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log/log.ts'
import { coalesce } from './coalesce.ts'
import { createLocalWake } from './local-wake.ts'
import { hear, relayedWake } from './relayed-wake.ts'
import type { Wake } from './wake.ts'

const channel = 'appstrate:wake'
const firstWaitMs = 1_000
/** How often the subscribed connection must answer: a lost one looks like one without messages. */
const probeEveryMs = 3_000

/** Wake-ups to other nodes over Redis publish/subscribe. While Redis is down, readers rely on their poll intervals. */
export async function createRedisWake(redis: Redis, log: Log): Promise<Wake> {
  const local = createLocalWake(log)
  // A subscribed connection cannot send other commands; ioredis renews its subscription after each reconnect.
  const subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null })
  const outgoing = coalesce(async (message) => {
    await redis.publish(channel, message).catch((error: unknown) => log.debug({ err: error }, 'A wake-up was lost.'))
  })
  let wasLost = false
  subscriber.on('error', () => undefined)
  subscriber.on('close', () => {
    wasLost = true
  })
  subscriber.on('ready', () => {
    // Messages published in between were missed.
    if (wasLost) local.wakeAll()
    wasLost = false
  })
  subscriber.on('message', (_channel: string, message: string) => hear(local, outgoing, message))
  // Wait for the first subscription, because earlier messages are missed. Do not wait for a Redis that is down.
  const subscribed = subscriber
    .subscribe(channel)
    .catch((error: unknown) => log.debug({ err: error }, 'Wake-ups are no longer received from Redis.'))
  const late = Symbol('late')
  if ((await Promise.race([subscribed, sleep(firstWaitMs, late, { ref: false })])) === late)
    void subscribed.then(() => local.wakeAll())
  // The connection's own timeout ends it if there is no answer.
  const probe = setInterval(() => {
    if (subscriber.status === 'ready') subscriber.ping().catch(() => undefined)
  }, probeEveryMs)
  return relayedWake(local, outgoing, () => {
    clearInterval(probe)
    subscriber.disconnect()
  })
}
