import type { ApiParts } from './api.ts'
import { problem } from '../problems/problem.ts'
import { rateLimitHeaders, type LimitClass } from './rate-limit.ts'

/** An object that accepts the headers of a reply. */
export interface HeaderSink {
  headers(values: Record<string, string>): unknown
}

/** Counts a request against its caller's limit and sets the headers of "Rate limits". Throws `rate-limited`. */
export async function countRequest(
  parts: ApiParts,
  { limitClass, route, who }: { limitClass: LimitClass; route: string; who: string },
  reply: HeaderSink,
): Promise<void> {
  const state = await parts.limiter.take(limitClass, `${route.replace(' ', ':')}:${who}`)
  reply.headers(rateLimitHeaders(state))
  if (state.allowed) return
  const seconds = Math.max(1, state.resetSeconds)
  throw problem('rate-limited', {
    detail: `More than ${state.limit} requests in a minute: try again in ${seconds} s.`,
    extensions: { retryAfter: seconds },
  })
}
