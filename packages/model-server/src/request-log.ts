import type { IncomingHttpHeaders } from 'node:http'

/** One request as it was received, for assertions. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** The latest requests, oldest first. */
export interface RequestLog {
  /** Number of requests since the start, including those that are no longer kept. */
  readonly total: number
  list(): readonly ReceivedRequest[]
  last(): ReceivedRequest | undefined
  clear(): void
}

/** A log that drops the oldest request when it holds more than `requestsMax`. */
export function createRequestLog(requestsMax: number): RequestLog & { add(request: ReceivedRequest): void } {
  const kept: ReceivedRequest[] = []
  let total = 0
  return {
    get total() {
      return total
    },
    list: () => [...kept],
    last: () => kept.at(-1),
    clear: () => void kept.splice(0),
    add(request) {
      total += 1
      if (requestsMax === 0) return
      if (kept.length === requestsMax) kept.shift()
      kept.push(request)
    },
  }
}
