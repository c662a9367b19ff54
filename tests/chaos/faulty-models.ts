import { startModelServer, type Scenario } from '@appstrate/model-server'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { portOf } from '../../packages/server/src/platform/http/port-of.ts'

/** How the provider behaves: answers, closes connections, answers 429, or cuts the streams of its answers. */
export type ModelMode = 'well' | 'down' | 'limited' | 'cut'

/** A provider of scripted models that fails on demand. */
export interface FaultyModels {
  readonly url: string
  /** How many requests were not answered properly. */
  readonly failed: () => number
  behave(mode: ModelMode): void
  close(): Promise<void>
}

/** Bytes of an answer that are sent before it is cut. */
const bytesBeforeCut = 150

export async function startFaultyModels(scenarios: Readonly<Record<string, Scenario>>): Promise<FaultyModels> {
  const models = await startModelServer({ scenarios, requestsMax: 1 })
  let mode: ModelMode = 'well'
  let failed = 0
  const server = createServer((incoming, reply) => {
    if (mode !== 'well') failed += 1
    if (mode === 'down') return void incoming.socket.destroy()
    if (mode === 'limited') return refuse(reply)
    forward(models.port, { incoming, reply, bytesMax: mode === 'cut' ? bytesBeforeCut : Infinity })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    failed: () => failed,
    behave: (next) => void (mode = next),
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await models.close()
    },
  }
}

function refuse(reply: ServerResponse): void {
  reply.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' })
  reply.end(JSON.stringify({ error: { message: 'Too many requests.', type: 'requests', code: 'rate_limit_exceeded' } }))
}

interface Forwarding {
  readonly incoming: IncomingMessage
  readonly reply: ServerResponse
  readonly bytesMax: number
}

function forward(port: number, { incoming, reply, bytesMax }: Forwarding): void {
  const { method, url, headers } = incoming
  const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    reply.writeHead(answer.statusCode ?? 502, answer.headers)
    let sent = 0
    answer.on('data', (chunk: Buffer) => {
      reply.write(chunk.subarray(0, bytesMax - sent))
      sent += chunk.length
      // The bytes before the cut must leave before the connection is destroyed.
      if (sent >= bytesMax) reply.write('', () => reply.destroy())
    })
    answer.on('end', () => reply.end())
    answer.on('error', () => reply.destroy())
  })
  onward.on('error', () => reply.destroy())
  reply.on('close', () => onward.destroy())
  incoming.pipe(onward)
}
