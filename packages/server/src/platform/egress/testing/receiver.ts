import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import type { EgressRequest } from '../egress.ts'

export interface ReceivedRequest {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface LocalReceiver {
  readonly port: number
  /** `http://127.0.0.1:<port>/`. */
  readonly url: string
  readonly received: readonly ReceivedRequest[]
  /** The number of connections so far, open and closed. */
  connections(): number
  /** The number of open connections. */
  open(): number
  close(): Promise<void>
}

/** A real HTTP server on 127.0.0.1 that answers with `answer`. */
export async function openReceiver(
  answer: (response: ServerResponse, received: ReceivedRequest) => void,
  tls?: { cert: string; key: string },
): Promise<LocalReceiver> {
  const received: ReceivedRequest[] = []
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      received.push(one)
      answer(response, one)
    })
  }
  const server: Server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener)
  return listen(server, received)
}

/** A real TCP server on 127.0.0.1 that handles connections with `speak`. */
export async function openTcpReceiver(speak: (socket: Socket) => void): Promise<LocalReceiver> {
  return listen(
    createTcpServer((socket) => speak(socket.on('error', () => undefined).resume())),
    [],
  )
}

/** A small request. */
export function request(changes: Partial<EgressRequest> = {}): EgressRequest {
  return {
    headers: { 'content-type': 'application/json' },
    body: '{"hello":"world"}',
    timeoutMs: 10_000,
    responseBytesMax: 1_000,
    ...changes,
  }
}

async function listen(server: TcpServer, received: readonly ReceivedRequest[]): Promise<LocalReceiver> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    received,
    connections: () => connections,
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
