import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** An upload must arrive at this rate: slower ones would hold a connection and a partial file for hours. */
const uploadBytesPerSecondMin = 4_096

interface Receiving {
  readonly server: Server
  readonly response: ServerResponse
  timer: NodeJS.Timeout
}

const receiving = new WeakMap<IncomingMessage, Receiving>()
const windows = new WeakMap<Server, number>()

/** Answers 408 to a request whose body has not arrived after `bodyMs`. See `allowUpload` for files. */
export function limitBodyTimes(server: Server, { bodyMs }: { readonly bodyMs: number }): void {
  windows.set(server, bodyMs)
  // First, so that the timer exists before the request is handled.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return
    const timer = setTimeout(() => afterReading(() => abort(request)), bodyMs).unref()
    const state: Receiving = { server, response, timer }
    receiving.set(request, state)
    request.once('close', () => clearInterval(state.timer))
  })
}

/** Replaces the limit on the whole body by a minimum rate, for an endpoint that receives a file. */
export function allowUpload(request: IncomingMessage): void {
  const state = receiving.get(request)
  if (state === undefined || request.complete) return
  const windowMs = windows.get(state.server) ?? 0
  let before = request.socket.bytesRead
  clearTimeout(state.timer)
  const check = () => {
    const received = request.socket.bytesRead - before
    before = request.socket.bytesRead
    // With a full buffer, it is the server that has not read on.
    const isWaiting = request.readableLength >= request.readableHighWaterMark
    if (!isWaiting && received < (uploadBytesPerSecondMin * windowMs) / 1000) abort(request)
  }
  state.timer = setInterval(() => afterReading(check), windowMs).unref()
}

// After a pause of the event loop, timers come before the bytes that have arrived in the meantime.
function afterReading(work: () => void): void {
  setImmediate(work)
}

function abort(request: IncomingMessage): void {
  const state = receiving.get(request)
  if (state === undefined || request.complete) return
  clearInterval(state.timer)
  if (state.response.headersSent) return void request.socket.destroy()
  // What Node itself emits for a slow request; the listener answers 408 and closes the connection.
  const error = Object.assign(new Error('The body took too long to arrive.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  state.server.emit('clientError', error, request.socket)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
