import type { FastifyRequest } from 'fastify'
import type { Caller } from '../access/caller.ts'
import { parseWireId } from '../ids/id.ts'
import type { ApiParts } from './api.ts'
import { readNamed } from './authorize.ts'
import { networkOf } from './connections/client-address.ts'
import type { RequestCount } from './count-request.ts'
import type { Endpoint } from './endpoint.ts'

/**
 * How a request is counted. A key's own limit replaces the operator's number, up to the operator's bound. An end-user
 * on whose behalf a key acts has a limit too: the operator's number, however much the key may do.
 */
export function countsOf(
  { limiter, platform }: Pick<ApiParts, 'limiter' | 'platform'>,
  { caller, endpoint, request }: { caller: Caller | Error; endpoint: Endpoint; request: FastifyRequest },
): RequestCount & { readonly endUser?: RequestCount | undefined } {
  if (caller instanceof Error || caller.kind === 'anonymous') return { who: `ip:${networkOf(request.ip)}` }
  if (caller.kind === 'user') return { who: caller.userId }
  const number = limiter.limits[endpoint.limit]
  const limit = Math.min(caller.limits?.[endpoint.limit] ?? number, number * platform.config.RATE_LIMIT_KEY_FACTOR)
  // Not looked up yet: a wrong id only makes a count of its own, within the limit of the key.
  const endUserId = parseWireId('eu', readNamed(request, endpoint.caller).endUserId ?? '')
  const endUser = { who: `enduser:${caller.applicationId}:${endUserId}`, limit: Math.min(number, limit) }
  return { who: `apikey:${caller.keyId}`, limit, endUser: endUserId === undefined ? undefined : endUser }
}
