import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { newWireId } from '../ids/id.ts'
import type { ApiParts } from './api.ts'
import { networkOf, parseAddress } from './connections/client-address.ts'
import { countRequest, type HeaderSink } from './count-request.ts'
import { problemBody, problemContentType } from './problem-reply.ts'
import { securityHeaders } from './security-headers.ts'
import { problem, Problem, problemRow, type ProblemCode } from '../problems/problem.ts'

const codes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

const advice: Partial<Record<ProblemCode, string>> = {
  'headers-too-large': 'The headers and the URL together have more than 16 KiB.',
  'request-timeout': 'The request took too long to arrive.',
  'malformed-request': 'The request is not well-formed HTTP.',
}

/** Unfinished responses by connection: a broken request may follow valid ones in the same packet. */
const answering = new WeakMap<Socket, Set<ServerResponse>>()

/** Tracks unfinished responses, so that the response to a broken request never precedes them. */
export function watchAnswers(server: Server): void {
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const open = answering.get(socket) ?? new Set()
    answering.set(socket, open.add(response))
    response.once('close', () => open.delete(response))
  })
  // Node would answer 417 without a problem body to an unknown Expect. It may be ignored (RFC 9110 section 10.1.1).
  server.on(
    'checkExpectation',
    (request: IncomingMessage, response: ServerResponse) => void server.emit('request', request, response),
  )
  // Node would close the connection without a response.
  server.on(
    'connect',
    (_request: IncomingMessage, socket: Duplex) =>
      void server.emit('clientError', new Error('CONNECT is for proxies.'), socket),
  )
}

/** Answers a request that the HTTP parser refused with a problem like any other, then closes the connection. */
export async function answerBrokenRequest(
  parts: ApiParts,
  error: Error & { code?: string },
  socket: Socket,
): Promise<void> {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  // Skip incomplete requests: they wait for a body that never arrives, and end with the connection.
  const complete = [...(answering.get(socket) ?? [])].filter((response) => response.req.complete)
  await Promise.all(complete.map((response) => new Promise((resolve) => response.once('close', resolve))))
  const headers: Record<string, string> = {}
  const failure = await refuse(parts, error, { socket, headers: (more) => Object.assign(headers, more) })
  endWithProblem(parts, socket, { failure, headers, reason: error.code })
}

/** Answers a connection above the limit of its address at once, without reading a request. */
export function refuseConnection(parts: ApiParts, socket: Socket): void {
  const failure = problem('rate-limited', {
    detail: 'Too many connections of this address are open: close some, or use them for several requests.',
  })
  endWithProblem(parts, socket, { failure, headers: { 'Retry-After': '5' }, reason: 'TOO_MANY_CONNECTIONS' })
}

function endWithProblem(
  { platform }: ApiParts,
  socket: Socket,
  { failure, headers, reason }: { failure: Problem; headers: Record<string, string>; reason: string | undefined },
): void {
  const requestId = newWireId('req')
  const row = problemRow(platform.problems, failure.code)
  const body = problemBody(failure, row, { instance: '/', requestId })
  const { status, title } = row
  const head = Object.entries({
    'Request-Id': requestId,
    ...securityHeaders(platform.config),
    'Cache-Control': 'no-store',
    ...platform.versions.headers(platform.versions.current),
    ...headers,
    'Content-Type': problemContentType,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  })
  platform.log.info({ requestId, status, ip: addressOf(socket), reason }, 'broken request')
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    () => socket.destroySoon(),
  )
}

function addressOf(socket: Socket): string {
  return parseAddress(socket.remoteAddress ?? '') ?? '0.0.0.0'
}

async function refuse(
  parts: ApiParts,
  error: { code?: string },
  { socket, headers }: HeaderSink & { socket: Socket },
): Promise<Problem> {
  const code = codes[error.code ?? ''] ?? 'malformed-request'
  try {
    await countRequest(
      parts,
      { limitClass: 'default', route: 'ANY (broken)', who: `ip:${networkOf(addressOf(socket))}` },
      { headers },
    )
  } catch (limited) {
    if (limited instanceof Problem) return limited
  }
  return problem(code, { ...(advice[code] === undefined ? {} : { detail: advice[code] }) })
}
