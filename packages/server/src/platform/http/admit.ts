import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AuditedRequest } from '../audit/audit.ts'
import { insertAuditEntryAndCommit } from '../audit/postgres-audit.ts'
import { toWireId } from '../ids/id.ts'
import type { ApiParts, Operation } from './api.ts'
import { authorize, readNamed } from './authorize.ts'
import type { Caller } from '../access/caller.ts'
import { countsOf } from './caller-limits.ts'
import { allowUpload } from './connections/body-time.ts'
import { countRequest } from './count-request.ts'
import { problem } from '../problems/problem.ts'
import { pathOf } from './problem-reply.ts'

/**
 * The first half of the pipeline, before the body is read: caller, rate limit, tenant and API version.
 * Throws the problem that ends the request, after it has set the headers that every reply needs.
 */
export async function admit(
  parts: ApiParts,
  operation: Operation,
  http: { request: FastifyRequest; reply: FastifyReply },
): Promise<void> {
  const { request, reply } = http
  const { endpoint } = operation
  const identified = await identify(parts, operation, request)
  await countRequest(
    parts,
    {
      limitClass: endpoint.limit,
      route: endpoint.route,
      ...countsOf(parts, { caller: identified, endpoint, request }),
    },
    reply,
  )
  refuseWhileStopping(parts, request)
  if (identified instanceof Error) throw identified
  request.state.caller = identified
  request.state.authorization = await authorize(parts.access, endpoint.caller, {
    caller: identified,
    named: readNamed(request, endpoint.caller),
    isChange: !endpoint.route.startsWith('GET '),
    now: parts.platform.clock.now(),
  })
  const header = request.headers['appstrate-version']
  const version = parts.platform.versions.resolve(
    typeof header === 'string' ? header : undefined,
    request.state.authorization.apiVersion,
  )
  request.state.apiVersion = version
  reply.headers(parts.platform.versions.headers(version))
  await recordImpersonation(parts, request)
  refuseOtherContent(operation, request)
  if (endpoint.bodyKind === 'multipart') allowUpload(request.raw)
}

// Returns a failed identification, so that it is counted against the address before the reply.
async function identify(parts: ApiParts, { endpoint }: Operation, request: FastifyRequest): Promise<Caller | Error> {
  if (endpoint.caller === 'anyone') return { kind: 'anonymous' }
  try {
    const bearer = readBearer(request, endpoint.caller === 'stream')
    const caller = await parts.access.identify({ headers: () => toHeaders(request), bearer })
    if (caller.kind === 'user') refuseForeignOrigin(parts, request)
    return caller
  } catch (error) {
    return error instanceof Error ? error : new Error('Identification failed.', { cause: error })
  }
}

function readBearer(request: FastifyRequest, fromQuery: boolean): string | undefined {
  const { authorization = '' } = request.headers
  if (/^bearer /i.test(authorization)) return authorization.slice('bearer '.length).trimStart()
  if (!fromQuery) return undefined
  return new URLSearchParams(request.url.split('?')[1] ?? '').get('token') ?? undefined
}

/** The request's headers as Fetch API headers. */
export function toHeaders(request: FastifyRequest): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) headers.append(name, item)
  }
  return headers
}

/** Protects against CSRF: a browser adds the user's cookie to requests of other sites. Throws origin-not-allowed. */
export function refuseForeignOrigin({ platform }: Pick<ApiParts, 'platform'>, request: FastifyRequest): void {
  const { origin } = request.headers
  if (origin === undefined || isSafe(request) || isSameOrigin(origin, request) || platform.isTrustedOrigin(origin))
    return
  throw problem('origin-not-allowed', {
    detail: `Requests from pages of ${origin} are not allowed: add the origin to TRUSTED_ORIGINS.`,
  })
}

// The server's own pages, at any name by which the browser reached it: the cookie is bound to that name.
function isSameOrigin(origin: string, { host }: FastifyRequest): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}

function refuseWhileStopping({ platform }: ApiParts, request: FastifyRequest): void {
  if (!platform.stopping.aborted || isSafe(request)) return
  throw problem('shutting-down', {
    detail: 'The server is shutting down: try again in a moment.',
    headers: { 'Retry-After': '5', Connection: 'close' },
  })
}

function isSafe({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

// Uploads and JSON have separate parsers, which the framework would apply to every endpoint.
function refuseOtherContent({ endpoint }: Operation, { headers }: FastifyRequest): void {
  const coding = headers['content-encoding'] ?? 'identity'
  if (coding.toLowerCase() !== 'identity')
    throw problem('unsupported-media-type', {
      detail: 'Send the body without a Content-Encoding.',
      headers: { 'Accept-Encoding': 'identity' },
    })
  const isMultipart = /^\s*multipart\//i.test(headers['content-type'] ?? '')
  if (isMultipart === (endpoint.bodyKind === 'multipart')) return
  throw problem('unsupported-media-type', {
    detail:
      endpoint.bodyKind === 'multipart'
        ? 'Send the file as multipart/form-data.'
        : 'Send the body as application/json.',
  })
}

// The API reference requires an audit entry for every request on behalf of an end-user, also reads and refused ones.
async function recordImpersonation({ platform }: ApiParts, request: FastifyRequest): Promise<void> {
  const { actingAs } = request.state.authorization
  if (actingAs === undefined || actingAs.endUserId === null) return
  const entry = {
    action: 'end-user.impersonated',
    actor: request.state.caller,
    scope: actingAs,
    resourceId: toWireId('eu', actingAs.endUserId),
    request: auditedRequest(request),
  }
  await platform.db.transaction().execute((tx) => insertAuditEntryAndCommit(tx, entry))
}

/** The part of a request that an audit entry records. */
export function auditedRequest(request: FastifyRequest): AuditedRequest {
  return {
    requestId: request.id,
    method: request.method,
    path: pathOf(request.originalUrl),
    ip: request.ip,
    userAgent: request.headers['user-agent'],
  }
}
