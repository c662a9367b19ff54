import type { Readable } from 'node:stream'
import { fetch as fetchThrough, type Dispatcher } from 'undici'
import type { Service } from '../platform.ts'
import { addressPolicy } from './address-policy.ts'
import { EgressError, EgressRefused, toEgressError, type EgressCode } from './egress-error.ts'
import { findUrlMistake } from './egress-url.ts'
import { createGuardedAgents, type GuardedAgents, type GuardedAgentsOptions } from './guarded-agents.ts'

export { egressCodeOf, EgressError, EgressRefused, hiddenFailure, type EgressCode } from './egress-error.ts'
export { findUrlMistake } from './egress-url.ts'

export interface EgressRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From the call to the last byte of the reply, including the lookup and the connection. */
  readonly timeoutMs: number
  /** The reply is truncated at this size. */
  readonly responseBytesMax: number
  readonly signal?: AbortSignal
  /** Called if the outcome, a reply or a failure, says something about an internal address: it must be hidden. */
  readonly onHidden?: () => void
}

export interface EgressReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** As it was sent: not decompressed, and truncated at `responseBytesMax`. */
  readonly body: string
  readonly truncated: boolean
  readonly latencyMs: number
}

export interface GuardedRequest {
  readonly method: string
  readonly headers: Headers
  readonly body: string | null
  readonly signal: AbortSignal | null
  /** Called if the outcome, a reply or a failure, says something about an internal address: it must be hidden. */
  readonly onHidden?: () => void
}

/**
 * `fetch` for URLs that users chose. Checks each resolved address before it connects, and follows no redirect, which
 * could send a key to another host. Throws the errors of `fetch`, with EgressRefused as a cause.
 */
export type GuardedFetch = (url: string | URL, request: GuardedRequest) => Promise<Response>

/** A guarded HTTP client for URLs that users chose. */
export interface Egress {
  readonly fetch: GuardedFetch
  /** Sends one request; does not follow redirects. Throws EgressError, or EgressRefused if the guard refuses it. */
  post(url: string, request: EgressRequest): Promise<EgressReply>
  close(): Promise<void>
}

/** The process's guarded HTTP client for everything except model calls. */
export const egress: Service<Egress> = {
  name: 'egress',
  open: ({ use }) => createEgress({ policy: use(addressPolicy) }),
  close: (instance) => instance.close(),
}

export function createEgress(options: GuardedAgentsOptions): Egress {
  const agents = createGuardedAgents(options)
  return {
    fetch: (url, request) => fetchGuarded(agents, new URL(url), request),
    async post(url, request) {
      const mistake = findUrlMistake(url, options.policy)
      if (mistake !== undefined) throw new EgressRefused('egress-refused-url', { message: `The URL ${mistake}.` })
      return within(request, (signal) => {
        const { onHidden = noop } = request
        const target = new URL(url)
        return agents.run(target, (agent) => send(agent, target, { ...request, signal }), { onHidden, signal })
      })
    },
    close: () => agents.close(),
  }
}

const noop = () => undefined

async function fetchGuarded(
  agents: GuardedAgents,
  url: URL,
  { headers, onHidden = noop, ...request }: GuardedRequest,
): Promise<Response> {
  const settings = { ...request, headers: [...headers], redirect: 'manual' as const }
  const watch = { onHidden, signal: request.signal }
  const reply = await agents.run(url, (dispatcher) => fetchThrough(url, { ...settings, dispatcher }), watch)
  const { status, statusText, body } = reply
  return new Response(body, { status, statusText, headers: [...reply.headers] })
}

async function send(
  agent: Dispatcher,
  { origin, pathname, search }: URL,
  request: EgressRequest & { readonly signal: AbortSignal },
): Promise<EgressReply> {
  const startedMs = performance.now()
  const reply = await agent.request({
    origin,
    path: pathname + search,
    method: 'POST',
    headers: { 'accept-encoding': 'identity', ...request.headers },
    body: request.body,
    signal: request.signal,
  })
  const read = await readUpTo(reply.body, request.responseBytesMax)
  return {
    status: reply.statusCode,
    headers: flatten(reply.headers),
    ...read,
    latencyMs: Math.round(performance.now() - startedMs),
  }
}

async function readUpTo(body: Readable, bytesMax: number): Promise<{ body: string; truncated: boolean }> {
  // Leaving the loop early destroys the body and its connection, which the body then reports as an error.
  body.on('error', () => undefined)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of bytesOf(body)) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > bytesMax) break
  }
  return { body: toText(Buffer.concat(chunks).subarray(0, bytesMax)), truncated: bytes > bytesMax }
}

function bytesOf(body: Readable): AsyncIterable<Uint8Array> {
  return body
}

// Omits a character that is cut in the middle.
function toText(bytes: Buffer): string {
  return new TextDecoder().decode(bytes, { stream: true })
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}

/** The result of `work`; throws EgressError if it fails, times out or is aborted. */
async function within<T>({ timeoutMs, signal }: EgressRequest, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (signal?.aborted === true) throw new EgressError('egress-aborted')
  const controller = new AbortController()
  const givenUp = Promise.withResolvers<never>()
  const giveUp = (code: EgressCode) => {
    const error = new EgressError(code)
    controller.abort(error)
    // A connection that is being established ignores the signal.
    givenUp.reject(error)
  }
  const timer = setTimeout(() => giveUp('egress-timeout'), timeoutMs)
  const onAbort = () => giveUp('egress-aborted')
  // Not AbortSignal.any: with a signal that lives as long as the process, it leaks memory.
  signal?.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work(controller.signal), givenUp.promise])
  } catch (error) {
    throw toEgressError(error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
