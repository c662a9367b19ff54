import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { portOf } from '../../../../platform/http/port-of.ts'

/** A request that a receiver got. */
export interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests reach into what was sent freely
  readonly body: any
  readonly id: string
  readonly attempt: number
}

/** Answers a request; `count` is the number of earlier requests. */
export type Answering = (response: ServerResponse, received: Received, count: number) => void

/** A server that receives webhooks. */
export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  /** Changes how later requests are answered. */
  answer(answering: Answering): void
  close(): Promise<void>
}

/** Answers every request with a status. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answering {
  return (response) => void response.writeHead(code, headers).end(body)
}

/** Never answers. */
export const hang: Answering = () => undefined

/** Closes the connection instead of answering. */
export const cut: Answering = (response) => void response.socket?.destroy()

export async function startReceiver(answering: Answering = status(200)): Promise<Receiver> {
  const received: Received[] = []
  const current = { answering }
  const server = createServer((request, response) => {
    void readText(request).then((text) => {
      const one = toReceived(request, text)
      received.push(one)
      current.answering(response, one, received.length - 1)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}/hook`,
    received,
    answer: (next) => void (current.answering = next),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

function toReceived({ url, headers }: IncomingMessage, text: string): Received {
  const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  return {
    path: url ?? '',
    headers: flat,
    text,
    body: JSON.parse(text),
    id: flat['webhook-id'] ?? '',
    attempt: Number(flat['webhook-attempt']),
  }
}
