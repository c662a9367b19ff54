import type { GuardedFetch } from '../../../../platform/egress/egress.ts'
import { AnswerRefused, type RefusalReason } from './event-check.ts'
import { AnswerReading } from './reading/answer-reading.ts'
import { readBody, type BodyListener } from './reading/read-body.ts'
import type { ModelApi } from './model-target.ts'

/** Why the server stopped a call. */
export type StopReason = 'aborted' | 'idle' | 'total' | RefusalReason

export interface CallLimits {
  readonly api: ModelApi
  /** The names of the tools that the request offers. */
  readonly toolNames: ReadonlySet<string>
  readonly fetch: GuardedFetch
  readonly signal: AbortSignal
  /** Longest time without a byte from the provider. */
  readonly idleTimeoutMs: number
  readonly totalTimeoutMs: number
  /** Limits the answer's text; the bytes on the wire can be many times more. */
  readonly textBytesMax: number
}

// Each token is sent in its own JSON event, so the wire carries up to a hundred times the text.
const wireBytesPerTextByte = 200
const wireBytesSlack = 4 * 1024 * 1024
const endOfStreamMs = 1_000

/** Supervises one call: its signal aborts when the caller aborts or a limit is reached. */
export class CallWatch implements BodyListener {
  readonly fetch: GuardedFetch
  readonly signal: AbortSignal
  readonly textBytesMax: number
  readonly reading: AnswerReading
  /** Why the server stopped the call. */
  stopped: StopReason | undefined
  /** True if the call went to an internal address: the reason of a failure must not be shown. */
  isHidden = false
  /** The error that ended the answer, as the reader threw it. */
  failure: unknown
  readonly #limits: CallLimits
  readonly #controller = new AbortController()
  readonly #totalTimer: NodeJS.Timeout
  readonly #onAbort = () => this.stop('aborted')
  #idleTimer: NodeJS.Timeout
  #hasAnswered = false
  #wireBytes = 0

  constructor(limits: CallLimits) {
    this.#limits = limits
    this.fetch = limits.fetch
    this.signal = this.#controller.signal
    this.textBytesMax = limits.textBytesMax
    this.reading = new AnswerReading(limits)
    this.#idleTimer = setTimeout(() => this.stop('idle'), limits.idleTimeoutMs)
    this.#totalTimer = setTimeout(() => this.stop('total'), limits.totalTimeoutMs)
    limits.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  sawBytes(chunk: Uint8Array): void {
    if (!this.#hasAnswered) this.#idleTimer.refresh()
    this.#wireBytes += chunk.length
    if (this.#wireBytes > this.textBytesMax * wireBytesPerTextByte + wireBytesSlack) this.stop('too-large')
  }

  failed(error: unknown): void {
    this.failure = error
    if (error instanceof AnswerRefused) this.stop(error.reason)
  }

  /** Gives the stream a short time to end by itself. */
  answered(): void {
    this.#hasAnswered = true
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => this.stop('idle'), Math.min(endOfStreamMs, this.#limits.idleTimeoutMs))
  }

  stop(reason: StopReason): void {
    if (this.signal.aborted) return
    this.stopped = reason
    this.#controller.abort()
  }

  /** Clears timers and listener, and closes the connection if it is still in use. */
  close(): void {
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#totalTimer)
    this.#limits.signal.removeEventListener('abort', this.#onAbort)
    this.#controller.abort()
  }
}

const watches = new WeakMap<AbortSignal, CallWatch>()

/** Starts to watch a call; pass its `signal` to the provider package. */
export function watchCall(limits: CallLimits): CallWatch {
  const watch = new CallWatch(limits)
  watches.set(watch.signal, watch)
  return watch
}

const errorBodyBytesMax = 256 * 1024

function textOf({ body = null }: RequestInit): string | null {
  if (body === null || typeof body === 'string') return body
  throw new TypeError('The body of a provider request must be text.')
}

/** Guarded `fetch` for the provider packages: reports every byte to the watch that owns the signal. */
export async function watchedFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { method = 'GET', headers, signal = null } = init
  const requestBody = textOf(init)
  const watch = signal === null ? undefined : watches.get(signal)
  if (watch === undefined) throw new TypeError('Requests to providers carry the signal of a watched call.')
  const response = await watch.fetch(input instanceof Request ? input.url : input, {
    method,
    headers: new Headers(headers),
    body: requestBody,
    signal,
    onHidden: () => void (watch.isHidden = true),
  })
  if (response.body === null) return response
  const body = response.ok ? readBody(response.body, watch) : watchedError(response.body, watch)
  return new Response(body, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  })
}

function watchedError(body: ReadableStream<Uint8Array>, watch: CallWatch): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let bytes = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) return controller.close()
      bytes += value.length
      watch.sawBytes(value)
      if (bytes <= errorBodyBytesMax) return controller.enqueue(value)
      controller.close()
      await reader.cancel()
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
