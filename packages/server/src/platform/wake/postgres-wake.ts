import type pg from 'pg'
import type { Log } from '../log/log.ts'
import { coalesce } from './coalesce.ts'
import { createLocalWake } from './local-wake.ts'
import { hear, relayedWake } from './relayed-wake.ts'
import type { Wake } from './wake.ts'

const channel = 'appstrate_wake'
const reconnectMs = 1_000
/** How often the listening connection must answer: a lost one looks like one without notifications. */
const probeEveryMs = 3_000
const answerMaxMs = 2_000

/** Wake-ups to other nodes by LISTEN and NOTIFY, coalesced, and never inside another transaction. */
export async function createPostgresWake(pool: pg.Pool, log: Log): Promise<Wake> {
  const local = createLocalWake(log)
  const outgoing = coalesce(async (message) => {
    await pool
      .query(bounded('select pg_notify($1, $2)', [channel, message]))
      .catch((error: unknown) => log.debug({ err: error }, 'A wake-up was lost.'))
  })
  const listener = keepListening(pool, {
    log,
    onMessage: (message) => hear(local, outgoing, message),
    // Messages sent in between were missed.
    onReconnect: () => local.wakeAll(),
  })
  await listener.started
  return relayedWake(local, outgoing, () => listener.stop())
}

// The driver knows this field, but its types do not. After the time it ends the connection.
function bounded(text: string, values: string[] = []): pg.QueryConfig & { readonly query_timeout: number } {
  return { text, values, query_timeout: answerMaxMs }
}

interface ListenOptions {
  readonly log: Log
  readonly onMessage: (message: string) => void
  readonly onReconnect: () => void
}

// Keeps one connection checked out of the pool; if it breaks, checks out another one, until `stop`.
function keepListening(pool: pg.Pool, options: ListenOptions): { started: Promise<void>; stop(): void } {
  let stopped = false
  let current: pg.PoolClient | undefined
  let timer: NodeJS.Timeout | undefined
  let probe: NodeJS.Timeout | undefined
  const retry = (error: unknown) => {
    if (stopped) return
    options.log.warn({ err: error }, 'The connection for wake-ups was lost.')
    timer = setTimeout(() => void listen().then(options.onReconnect, retry), reconnectMs)
  }
  // A breaking connection both emits an error and fails its query; the first of the two drops it.
  const drop = (client: pg.PoolClient): boolean => {
    if (current !== client) return false
    current = undefined
    clearInterval(probe)
    client.release(true)
    return true
  }
  const listen = async () => {
    const client = await pool.connect()
    current = client
    if (stopped) return void drop(client)
    client.on('notification', ({ payload }) => options.onMessage(payload ?? ''))
    client.on('error', (error) => {
      if (drop(client)) retry(error)
    })
    const ask = (text: string) => client.query(bounded(text))
    try {
      await ask(`listen ${channel}`)
      if (current === client)
        probe = setInterval(
          () => void ask('select').catch((error: unknown) => drop(client) && retry(error)),
          probeEveryMs,
        )
    } catch (error) {
      if (drop(client)) throw error
    }
  }
  return {
    started: listen(),
    stop() {
      stopped = true
      clearTimeout(timer)
      if (current !== undefined) drop(current)
    },
  }
}
