// Sends one request repeatedly over keep-alive connections. `fork` it with a Load; it answers with its LoadResult.
import { connect, type Socket } from 'node:net'
import type { Load, LoadResult } from './load.ts'

const load: Load = JSON.parse(process.argv[2] ?? '{}')
const { hostname, port, pathname } = new URL(load.url)
const body = load.body ?? ''
const headers = {
  host: `${hostname}:${port}`,
  ...load.headers,
  ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
}
const head = [
  `${load.method} ${pathname} HTTP/1.1`,
  ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
]
const request = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)

const latenciesMs: number[] = []
const stopAtMs = performance.now() + load.durationMs
let sent = 0

// The generator shares two cores with the measured server, so it parses only the length of a reply.
function replyBytes(received: Buffer): number | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const text = received.toString('latin1', 0, end)
  if (!/^HTTP\/1\.1 2/.test(text)) throw new Error(`Refused: ${received.toString('utf8')}`)
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (length === undefined) throw new Error(`A reply without a length: ${text}`)
  return end + 4 + Number(length)
}

function mayGoOn(): boolean {
  return sent < load.requestsMax && performance.now() < stopAtMs
}

function drive(socket: Socket, done: () => void): void {
  let received: Buffer = Buffer.alloc(0)
  let sentAtMs = 0
  const next = () => {
    if (!mayGoOn()) return done()
    sent += 1
    sentAtMs = performance.now()
    socket.write(request)
  }
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const bytes = replyBytes(received)
    if (bytes === undefined || received.length < bytes) return
    received = Buffer.alloc(0)
    latenciesMs.push(performance.now() - sentAtMs)
    next()
  })
  next()
}

async function runConnection(): Promise<void> {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('The connection was closed.')))
    socket.once('connect', () => drive(socket, resolve))
  })
  socket.destroy()
}

const startedMs = performance.now()
await Promise.all(Array.from({ length: load.connections }, runConnection))
const result: LoadResult = {
  requests: latenciesMs.length,
  seconds: (performance.now() - startedMs) / 1000,
  latenciesMs,
}
process.send?.(result, () => process.disconnect())
