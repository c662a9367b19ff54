import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import type { Static, TObject, TProperties, TSchema } from 'typebox'
import type { AuditSubject } from '../audit/audit.ts'
import type { Db, Tx } from '../db/database.ts'
import type { IdPrefix } from '../ids/id.ts'
import type { Log } from '../log/log.ts'
import type { Platform } from '../platform.ts'
import type { ProblemCode } from '../problems/problem.ts'
import type { AppScope, Caller, KeyCaller, OrgScope, UserCaller } from '../access/caller.ts'
import type { IdempotencyKey } from './idempotency/idempotency.ts'
import type { LimitClass } from './rate-limit.ts'

/**
 * Who may call, and what is in scope:
 * - `anyone`: public, no scope.
 * - `user`: a session, no scope; API keys get 403.
 * - `administrator`: a session of an instance administrator, no scope. Changes need a recent sign-in.
 * - `member`: the organization of `:orgId` in the path.
 * - `organization`: the organization of `X-Org-Id` or of the API key.
 * - `application`: the application of `X-App-Id` or of the API key.
 * - `stream`: an application; the API key (`?token=`) and the ids may be in the query.
 */
export type CallerKind = 'anyone' | 'user' | 'administrator' | 'member' | 'organization' | 'application' | 'stream'

export type CallerOf<K extends CallerKind> = K extends 'anyone'
  ? Caller
  : K extends 'user' | 'administrator'
    ? UserCaller
    : UserCaller | KeyCaller
export type ScopeOf<K extends CallerKind> = K extends 'anyone' | 'user' | 'administrator'
  ? undefined
  : K extends 'member' | 'organization'
    ? OrgScope
    : AppScope

/** A path parameter: an id, passed on as the stored UUID (invalid ids answer `missing`), or any text. */
export type PathParam = { readonly id: IdPrefix; readonly missing: ProblemCode } | { readonly text: string }

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type EndpointRoute = `${Method} /${string}`

/** A request to an endpoint: authenticated, scoped and validated. */
export interface Call<K extends CallerKind, P extends string, Q extends TProperties, B extends TSchema> {
  readonly params: Readonly<Record<P, string>>
  readonly query: Static<TObject<Q>>
  readonly body: Static<B>
  readonly caller: CallerOf<K>
  readonly scope: ScopeOf<K>
  /** The caller's permissions in the scope; empty without one. */
  readonly permissions: ReadonlySet<string>
  readonly platform: Platform
  readonly db: Db
  readonly now: Date
  readonly log: Log
  readonly requestId: string
  readonly apiVersion: string
  readonly idempotency: IdempotencyKey | undefined
  /**
   * Runs `work` in a transaction and writes the audit entry in it. `describe` returns the wire id of the changed
   * resource, or the whole subject of the entry.
   */
  change<T>(work: (tx: Tx) => Promise<T>, describe?: (result: T) => string | AuditSubject): Promise<T>
  /**
   * Like `change`, for endpoints that support idempotency: also stores the reply under the request's key in the
   * transaction, so that no failure in between lets a repeated request make the change twice. Returns the reply.
   */
  changeOnce<T, R extends JsonReply<Returns>>(
    work: (tx: Tx) => Promise<T>,
    about: { readonly describe: (result: T) => string | AuditSubject; readonly reply: (result: T) => R },
  ): Promise<R>
  /** Fastify's objects, for uploads and streams. */
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** Returned by a handler that has written the reply itself, such as a stream. */
export const hijacked = Symbol('hijacked')

export interface StreamReply {
  readonly status: number
  readonly stream: Readable
  readonly headers: Readonly<Record<string, string>>
}

export type Returns = Readonly<Record<number, TSchema>>
export type JsonReply<R extends Returns> = {
  [S in keyof R]: {
    readonly status: S
    readonly body: Static<R[S] & TSchema>
    readonly headers?: Readonly<Record<string, string>>
  }
}[keyof R]
export type Reply<R extends Returns> = JsonReply<R> | StreamReply | typeof hijacked

/** The most bytes of a JSON body, unless the endpoint declares another limit. */
export const bodyBytesDefault = 65_536

/** The limit of bodies of a few short fields, such as an address and a password. */
export const smallBodyBytes = 8_192

/** The limit of bodies with a long text or a free JSON object, such as a prompt or the input of a schedule. */
export const largeBodyBytes = 1_048_576

/**
 * The declaration of an endpoint. The router, validation, the OpenAPI document, limits, idempotency, audit and the
 * shared tests read it.
 */
export interface EndpointSpec<
  K extends CallerKind,
  P extends string,
  Q extends TProperties,
  B extends TSchema,
  R extends Returns,
> {
  readonly route: EndpointRoute
  readonly summary: string
  readonly description?: string
  readonly caller: K
  /** `resource:action`, or `none` if the kind of caller is enough. */
  readonly permission: `${string}:${string}` | 'none'
  /** Permissions that are required besides `permission`. */
  readonly alsoRequires?: readonly `${string}:${string}`[]
  /**
   * A request on behalf of an end-user (`Appstrate-User`) may use the endpoint although it is not a GET: it changes
   * only what belongs to the end-user.
   */
  readonly forEndUsers?: true
  readonly limit: LimitClass
  /** Answered however much the server has to do, for those who watch it. */
  readonly vital?: true
  readonly idempotency: 'supported' | 'not-needed'
  /** The reply contains a secret: it is stored encrypted for replays. */
  readonly secretReply?: true
  /** The audit action such as `agent.created`; `none` for reads. */
  readonly audit: `${string}.${string}` | 'none'
  readonly params?: Readonly<Record<P, PathParam>>
  readonly query?: Q
  /** JSON by default; `multipart` bodies are streamed by the handler. */
  readonly body?: B
  readonly bodyKind?: 'json' | 'optional-json' | 'multipart'
  /** Larger JSON bodies answer `payload-too-large`; `bodyBytesDefault` by default. */
  readonly bodyBytesMax?: number
  readonly returns: R
  /** The content type of a 200 that is not JSON. */
  readonly streams?: string
  /** Omitted from the OpenAPI document: a path that represents another library's routes. */
  readonly undocumented?: true
  /** Problem codes that only this endpoint answers. A test fails if it answers with an undeclared one. */
  readonly fails: readonly ProblemCode[]
  handle(call: Call<K, P, Q, B>): Promise<Reply<R>>
}

/** An endpoint with erased types, for code that reads declarations. */
export type Endpoint = EndpointSpec<CallerKind, string, TProperties, TSchema, Returns>
export type AnyCall = Call<CallerKind, string, TProperties, TSchema>

/** The permissions that an endpoint requires. */
export function requiredPermissions({ permission, alsoRequires = [] }: Endpoint): readonly string[] {
  return permission === 'none' ? alsoRequires : [permission, ...alsoRequires]
}

/** Declares an endpoint; the types of `handle` follow from the declaration. */
export function endpoint<
  const K extends CallerKind,
  const P extends string = never,
  Q extends TProperties = Record<never, never>,
  B extends TSchema = TSchema,
  R extends Returns = Returns,
>(spec: EndpointSpec<K, P, Q, B, R>): Endpoint {
  // Sound at run time: the pipeline builds each call from this declaration. The erased type cannot express it.
  return spec as unknown as Endpoint
}

export function ok<const B>(body: B) {
  return { status: 200, body } as const
}

export function created<const B>(body: B, location: string) {
  return { status: 201, body, headers: { Location: location } } as const
}

export function accepted<const B>(body: B, location: string) {
  return { status: 202, body, headers: { Location: location } } as const
}

export function noContent() {
  return { status: 204, body: null } as const
}
