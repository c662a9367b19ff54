import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** Who sent a request, as an earlier request with the same credentials has shown. */
export interface KnownCaller {
  /** The organization, or the user if the request belongs to none. */
  readonly owner: string
  /** Whose rate limit counts the request. */
  readonly limitKey: string
}

const callersMax = 10_000

/** Recognizes credentials that were valid a moment ago, without a read of the database. Grants nothing. */
export class KnownCallers {
  readonly #callers = new Map<string, KnownCaller>()

  find(request: FastifyRequest): KnownCaller | undefined {
    const key = keyOf(request)
    return key === undefined ? undefined : this.#callers.get(key)
  }

  remember(request: FastifyRequest, caller: KnownCaller): void {
    const key = keyOf(request)
    if (key === undefined || this.#callers.has(key)) return
    const oldest = this.#callers.size >= callersMax ? this.#callers.keys().next().value : undefined
    if (oldest !== undefined) this.#callers.delete(oldest)
    this.#callers.set(key, caller)
  }
}

// The secret itself stays out of memory that lives longer than the request.
function keyOf({ headers, url }: FastifyRequest): string | undefined {
  const { authorization, cookie } = headers
  const mark = authorization === undefined && url.startsWith('/api/realtime/') ? url.indexOf('?') : -1
  const token = mark === -1 ? undefined : (new URLSearchParams(url.slice(mark)).get('token') ?? undefined)
  const secret = authorization ?? token ?? cookie
  if (secret === undefined) return undefined
  return hash('sha256', `${secret}\n${String(headers['x-org-id'])}\n${String(headers['x-app-id'])}`, 'base64')
}
