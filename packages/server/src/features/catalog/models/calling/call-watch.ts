import { setImmediate } from 'node:timers/promises'
import type { GuardedFetch } from '../../../../platform/egress/egress.ts'
import { AnswerRefused, type RefusalReason } from './event-check.ts'
import { createEventGuard, type EventGuard } from './event-guard.ts'

/** Why the server stopped a call. */
export type StopReason = 'aborted' | 'idle' | 'total' | RefusalReason

export interface CallLimits {
  readonly fetch: GuardedFetch
  readonly signal: AbortSignal
  /** Longest time without a byte from the provider. */
  readonly idleTimeoutMs: number
  readonly totalTimeoutMs: number
  /** Limits the answer's text; the bytes on the wire can be many times more. */
  readonly textBytesMax: number
}

/** Supervises one call: its signal aborts when the caller aborts or a limit is reached. */
export interface CallWatch {
  readonly fetch: GuardedFetch
  readonly signal: AbortSignal
  readonly stopped: StopReason | undefined
  /** True if the call went to an internal address: the reason of a failure must not be shown. */
  readonly isHidden: boolean
  hide(): void
  readonly textBytesMax: number
  sawBytes(chunk: Uint8Array): void
  /** To be called when the answer is complete: the stream then gets a short time to end by itself. */
  answered(): void
  stop(reason: StopReason): void
  /** Clears timers and listener, and closes the connection if it is still in use. */
  close(): void
}

// Each token is sent in its own JSON event, so the wire carries up to a hundred times the text.
const wireBytesPerTextByte = 200
const wireBytesSlack = 4 * 1024 * 1024
const endOfStreamMs = 1_000

const watches = new WeakMap<AbortSignal, CallWatch>()

/** Starts to watch a call; pass its `signal` to the provider package. */
export function watchCall(limits: CallLimits): CallWatch {
  const controller = new AbortController()
  let stopped: StopReason | undefined
  let isHidden = false
  let wireBytes = 0
  const stop = (reason: StopReason): void => {
    if (controller.signal.aborted) return
    stopped = reason
    controller.abort()
  }
  const onAbort = (): void => stop('aborted')
  let idleTimer = setTimeout(stop, limits.idleTimeoutMs, 'idle')
  const totalTimer = setTimeout(stop, limits.totalTimeoutMs, 'total')
  limits.signal.addEventListener('abort', onAbort, { once: true })
  const watch: CallWatch = {
    fetch: limits.fetch,
    signal: controller.signal,
    textBytesMax: limits.textBytesMax,
    get stopped() {
      return stopped
    },
    get isHidden() {
      return isHidden
    },
    hide: () => void (isHidden = true),
    sawBytes(chunk) {
      idleTimer.refresh()
      wireBytes += chunk.length
      if (wireBytes > limits.textBytesMax * wireBytesPerTextByte + wireBytesSlack) stop('too-large')
    },
    answered() {
      clearTimeout(idleTimer)
      idleTimer = setTimeout(stop, Math.min(endOfStreamMs, limits.idleTimeoutMs), 'idle')
    },
    stop,
    close() {
      clearTimeout(idleTimer)
      clearTimeout(totalTimer)
      limits.signal.removeEventListener('abort', onAbort)
      controller.abort()
    },
  }
  watches.set(controller.signal, watch)
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
    onHidden: watch.hide,
  })
  if (response.body === null) return response
  const body = response.ok ? watchedEvents(response.body, watch) : watchedError(response.body, watch)
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

// A chunk can have thousands of events, and the packages parse all of them in one turn of the event loop.
function watchedEvents(body: ReadableStream<Uint8Array>, watch: CallWatch): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const guard = createEventGuard(watch.textBytesMax)
  let slices: Uint8Array[] = []
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (slices.length > 0) await setImmediate()
      while (slices.length === 0) {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        watch.sawBytes(value)
        slices = checked(guard, watch, value)
      }
      const slice = slices.shift()
      if (slice !== undefined) controller.enqueue(slice)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function checked(guard: EventGuard, watch: CallWatch, chunk: Uint8Array): Uint8Array[] {
  try {
    return guard.take(chunk)
  } catch (error) {
    if (error instanceof AnswerRefused) watch.stop(error.reason)
    throw error
  }
}
