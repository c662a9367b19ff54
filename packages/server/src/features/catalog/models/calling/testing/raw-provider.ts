import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'

export interface RawProvider {
  readonly url: string
  readonly seen: { readonly path: string; readonly headers: IncomingMessage['headers']; readonly body: string }[]
  close(): Promise<void>
}

/** A provider that answers exactly what a test writes. */
export async function startRawProvider(answer: (reply: ServerResponse, path: string) => void): Promise<RawProvider> {
  const seen: RawProvider['seen'] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      seen.push({ path: request.url ?? '', headers: request.headers, body })
      answer(reply, request.url ?? '')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    seen,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers with server-sent events and ends the response. */
export function sendEvents(reply: ServerResponse, events: readonly unknown[]): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) reply.write(typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`)
  reply.end()
}
