import type { Platform } from '../platform.ts'
import type { Access, Caller } from '../access/caller.ts'
import type { Authorization } from './authorize.ts'
import type { Endpoint } from './endpoint.ts'
import type { Feature } from './feature.ts'
import type { IdempotencyStore } from './idempotency/idempotency.ts'
import type { RateLimiter } from './rate-limit.ts'

/** The dependencies of the HTTP layer; the process provides them. */
export interface ApiParts {
  readonly platform: Platform
  readonly features: readonly Feature[]
  readonly access: Access
  readonly limiter: RateLimiter
  readonly idempotency: IdempotencyStore
}

/** An endpoint with its operation id and its feature. */
export interface Operation {
  readonly id: string
  readonly endpoint: Endpoint
  readonly feature: Feature
}

/** The data that the pipeline has collected about a request so far. */
export interface RequestState {
  caller: Caller
  authorization: Authorization
  apiVersion: string
  rawBody: Buffer
  /** The endpoint keeps the reply under the request's Idempotency-Key. */
  hasIdempotencyKey: boolean
  /** The request no longer counts as work in progress, because it only waits from now on. Has an effect once. */
  endWork: () => void
}

declare module 'fastify' {
  interface FastifyRequest {
    state: RequestState
  }
}

/** Every operation of the features, in the order of declaration. */
export function listOperations(features: readonly Feature[]): Operation[] {
  return features.flatMap((feature) =>
    Object.entries(feature.endpoints).map(([id, endpoint]) => ({ id, endpoint, feature })),
  )
}

/** `'POST /api/runs'` → `['POST', '/api/runs']`. */
export function splitRoute(route: string): [method: string, url: string] {
  const [method = '', url = ''] = route.split(' ')
  return [method, url]
}

/** A pattern for the paths of a route: a parameter matches one segment, `*` anything. */
export function patternOf(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^$()|[\]{}]/g, String.raw`\$&`)
    .replaceAll(/:[^/]+/g, '[^/]+')
    .replace('*', '.*')
  return new RegExp(`^${source}/?$`)
}

/** The initial state of a request. */
export function emptyState(apiVersion: string): RequestState {
  return {
    caller: { kind: 'anonymous' },
    authorization: { scope: undefined, permissions: new Set(), apiVersion: null },
    apiVersion,
    rawBody: Buffer.alloc(0),
    hasIdempotencyKey: false,
    endWork: () => undefined,
  }
}
