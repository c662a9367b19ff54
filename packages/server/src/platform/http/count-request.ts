import type { ApiParts } from './api.ts'
import { problem } from '../problems/problem.ts'
import { rateLimitHeaders, type LimitClass, type RateLimitState } from './rate-limit.ts'

/** An object that accepts the headers of a reply. */
export interface HeaderSink {
  headers(values: Record<string, string>): unknown
}

/** A count of a request: the caller's, or the one of the end-user on whose behalf the caller acts. */
export interface RequestCount {
  /** The last part of the limiter's key. */
  readonly who: string
  /** Requests per minute; the operator's number for the class by default. */
  readonly limit?: number | undefined
}

export interface CountedRequest extends RequestCount {
  readonly limitClass: LimitClass
  readonly route: string
  /** Counted before the caller, so that its refused requests take nothing of what the caller has left. */
  readonly endUser?: RequestCount | undefined
}

/**
 * Counts a request against the limits of its caller and end-user, and sets the headers of "Rate limits" for the one
 * that has the least left. Throws `rate-limited`.
 */
export async function countRequest(parts: ApiParts, request: CountedRequest, reply: HeaderSink): Promise<void> {
  const take = async ({ who, limit }: RequestCount, limitOf: string) => {
    const state = await parts.limiter.take(request.limitClass, `${request.route.replace(' ', ':')}:${who}`, limit)
    if (!state.allowed) refuse(state, { limitOf, reply })
    return state
  }
  const endUser = request.endUser === undefined ? undefined : await take(request.endUser, 'end-user')
  const caller = await take(request, 'caller')
  reply.headers(rateLimitHeaders(endUser !== undefined && endUser.remaining < caller.remaining ? endUser : caller))
}

function refuse(state: RateLimitState, { limitOf, reply }: { limitOf: string; reply: HeaderSink }): never {
  reply.headers(rateLimitHeaders(state))
  const seconds = Math.max(1, state.resetSeconds)
  const whose = limitOf === 'end-user' ? ' on behalf of this end-user' : ''
  throw problem('rate-limited', {
    detail: `More than ${state.limit} requests in a minute${whose}: try again in ${seconds} s.`,
    extensions: { retryAfter: seconds, limit: state.limit, limitOf },
  })
}
