import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { portOf } from '../../packages/server/src/platform/http/port-of.ts'

/** A TCP proxy on 127.0.0.1 in front of a real server, which fails as a network does. */
export interface TcpProxy {
  /** The same URL, by way of the proxy. */
  through(url: string): string
  /** Resets every connection. */
  reset(): void
  /** From now on loses everything that is sent in either direction, on old and new connections, until `restore`. */
  swallow(): void
  /** From now on delays everything that is sent in either direction by this time, until `restore`. */
  delay(ms: number): void
  /** From now on refuses connections, and closes the open ones, until `restore`. */
  refuse(): Promise<void>
  /** Works again. What was swallowed stays lost. */
  restore(): Promise<void>
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** Starts a proxy in front of the server that a URL names. */
export async function startTcpProxy(url: string): Promise<TcpProxy> {
  const target = new URL(url)
  const pairs = new Set<Pair>()
  let isSwallowing = false
  let delayMs = 0
  const join = (client: Socket) => {
    const server = connect(Number(target.port), target.hostname)
    const pair = { client, server }
    pairs.add(pair)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      // Bytes that arrive after a delay has ended must not overtake those before them.
      let [delayed, delayedCount] = [Promise.resolve(), 0]
      from.on('data', (chunk) => {
        if (isSwallowing) return
        if (delayMs === 0 && delayedCount === 0) return void to.write(chunk)
        const dueMs = Date.now() + delayMs
        delayedCount += 1
        delayed = delayed.then(async () => {
          await sleep(dueMs - Date.now())
          delayedCount -= 1
          to.write(chunk)
        })
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
    }
  }
  let listener = await listen(join, 0)
  const port = portOf(listener.address())
  const reset = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
  }
  const stop = async () => {
    if (!listener.listening) return
    const closed = new Promise((resolve) => listener.close(resolve))
    reset()
    await closed
  }
  return {
    through(original) {
      const parsed = new URL(original)
      parsed.hostname = '127.0.0.1'
      parsed.port = String(port)
      return parsed.toString()
    },
    reset,
    swallow: () => void (isSwallowing = true),
    delay: (ms) => void (delayMs = ms),
    refuse: stop,
    async restore() {
      isSwallowing = false
      delayMs = 0
      if (!listener.listening) listener = await listen(join, port)
    },
    close: stop,
  }
}

async function listen(onConnection: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(onConnection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}
