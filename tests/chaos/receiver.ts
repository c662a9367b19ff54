import { createServer, type Server } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { portOf } from '../../packages/server/src/platform/http/port-of.ts'
import { createRandom } from './random.ts'

/** A message that the receiver took and acknowledged. */
export interface Taken {
  readonly webhook: string
  readonly messageId: string
  readonly type: string
  readonly runId: string
  readonly isSigned: boolean
}

export interface Receiver {
  readonly url: string
  /** In the order of arrival, including repeated messages. */
  readonly taken: readonly Taken[]
  readonly refused: () => number
  /** Sets the secret of the webhook with this name. */
  trust(webhook: string, secret: string): void
  /** While it is down, it closes every connection. */
  setDown(isDown: boolean): void
  /** From now on the receiver accepts every message. */
  behave(): void
  close(): Promise<void>
}

/** A receiver of webhooks that refuses every fifth message, and sometimes hangs or drops the connection. */
export async function startReceiver(seed: number): Promise<Receiver> {
  const random = createRandom(seed)
  const taken: Taken[] = []
  const secrets = new Map<string, string>()
  let refused = 0
  let isMoody = true
  let isDown = false
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const mood = isMoody ? random.next() : 1
      if (mood < 0.27 || isDown) refused += 1
      if (isDown) return void request.socket.destroy()
      if (mood < 0.2) return void response.writeHead(mood < 0.1 ? 500 : 503).end('not now')
      if (mood < 0.22) return
      if (mood < 0.27) return void request.socket.destroy()
      const webhook = (request.url ?? '').slice(1)
      taken.push({ webhook, ...read(body, { secret: secrets.get(webhook), headers: request.headers }) })
      response.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    taken,
    refused: () => refused,
    trust: (webhook, secret) => void secrets.set(webhook, secret),
    setDown: (next) => void (isDown = next),
    behave: () => void ([isMoody, isDown] = [false, false]),
    close: () => closeServer(server),
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

interface Sent {
  readonly secret: string | undefined
  readonly headers: NodeJS.Dict<string | string[]>
}

function read(body: string, { secret, headers }: Sent): Omit<Taken, 'webhook'> {
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  const event: { type: string; data: { object: { id: string } } } = JSON.parse(body)
  return {
    messageId: named['webhook-id'] ?? '',
    type: event.type,
    runId: event.data.object.id,
    isSigned: secret !== undefined && verifies(secret, body, named),
  }
}

function verifies(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}
