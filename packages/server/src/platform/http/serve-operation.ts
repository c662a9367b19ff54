import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { insertAuditEntryAndCommit } from '../audit/postgres-audit.ts'
import type { AuditSubject } from '../audit/audit.ts'
import type { Tx } from '../db/database.ts'
import { parseWireId } from '../ids/id.ts'
import { auditedRequest } from './admit.ts'
import type { ApiParts, Operation } from './api.ts'
import type { IdempotencyKey, StoredReply } from './idempotency/idempotency.ts'
import { idempotencyLockMs, parseIdempotencyKey } from './idempotency/idempotency.ts'
import {
  hijacked,
  requiredPermissions,
  type AnyCall,
  type Endpoint,
  type JsonReply,
  type PathParam,
  type Returns,
} from './endpoint.ts'
import { problem } from '../problems/problem.ts'
import { sealReplies } from './idempotency/seal-replies.ts'
import { findUnsafeValues, isStorable, isTooDeep } from './unsafe-values.ts'
import { bodyValidator, queryValidator, refuseInvalid } from './validation.ts'

type Http = { readonly request: FastifyRequest; readonly reply: FastifyReply }

/**
 * The second half of the pipeline, with the body: validate → permission → idempotency → handle → reply.
 * Compiles the operation's validators once and returns its handler.
 */
export function serveOperation(allParts: ApiParts, operation: Operation): (http: Http) => Promise<FastifyReply> {
  const { endpoint } = operation
  const parts =
    endpoint.secretReply === true
      ? { ...allParts, idempotency: sealReplies(allParts.idempotency, allParts.platform.keyRing) }
      : allParts
  const query = queryValidator({ ...endpoint.query, ...(endpoint.caller === 'stream' ? streamQuery : {}) })
  const body = readsJson(endpoint) ? bodyValidator(endpoint.body) : undefined
  return async (http) => {
    const { request } = http
    const params = readParams(endpoint.params ?? {}, request.params)
    const mistakes = [...findUnsafeValues(request.query, 'query'), ...findUnsafeValues(request.body)]
    if (isTooDeep(mistakes)) refuseInvalid(mistakes)
    if (body !== undefined) upgradeBody(parts, operation, request)
    refuseInvalid([
      ...mistakes,
      ...query.check(request.query),
      ...(body?.check(request.body, request.state.rawBody.length) ?? []),
    ])
    refuseForbidden(operation, request)
    const key = readIdempotencyKey(operation, { request, params })
    const call = buildCall(parts, operation, { http, params, key })
    return key === undefined ? send(parts, operation, { http, call }) : sendOnce(parts, operation, { http, call, key })
  }
}

const text = Type.Optional(Type.String())
const streamQuery = { token: text, orgId: text, appId: text, endUser: text }

function readsJson(endpoint: Endpoint): endpoint is Endpoint & { readonly body: NonNullable<Endpoint['body']> } {
  return endpoint.body !== undefined && endpoint.bodyKind !== 'multipart'
}

function readParams(declared: Readonly<Record<string, PathParam>>, values: unknown): Record<string, string> {
  const params: Record<string, string> = {}
  for (const [name, value] of Object.entries(values ?? {})) {
    const param = declared[name]
    const parsed = param !== undefined && 'id' in param ? parseWireId(param.id, String(value)) : storable(String(value))
    if (parsed === undefined) throw problem(param !== undefined && 'missing' in param ? param.missing : 'not-found')
    params[name] = parsed
  }
  return params
}

function storable(value: string): string | undefined {
  return isStorable(value) ? value : undefined
}

function upgradeBody({ platform }: ApiParts, { id, endpoint }: Operation, request: FastifyRequest): void {
  const { apiVersion } = request.state
  if (request.body === undefined && endpoint.bodyKind === 'optional-json') request.body = {}
  if (apiVersion === platform.versions.current || request.body === undefined) return
  try {
    request.body = platform.versions.upgradeRequest(apiVersion, id, request.body)
  } catch (error) {
    // An upgrade step gets bodies that are not validated yet, so it may throw.
    request.log.info({ err: error, apiVersion }, 'The body does not match its API version.')
    refuseInvalid([{ pointer: '', message: `does not match API version ${apiVersion}`, code: 'version' }])
  }
}

function refuseForbidden({ endpoint }: Operation, request: FastifyRequest): void {
  const { permissions, actingAs } = request.state.authorization
  const lacking = requiredPermissions(endpoint).find((permission) => !permissions.has(permission))
  if (lacking !== undefined) throw problem('forbidden', { detail: `This needs the permission ${lacking}.` })
  const isChange = !endpoint.route.startsWith('GET ')
  if (actingAs !== undefined && isChange && endpoint.forEndUsers !== true)
    throw problem('forbidden', {
      detail:
        'A request on behalf of an end-user can change only what belongs to the end-user: ' +
        'send this one without Appstrate-User.',
    })
}

function readIdempotencyKey(
  { endpoint }: Operation,
  { request, params }: { request: FastifyRequest; params: Readonly<Record<string, string>> },
): IdempotencyKey | undefined {
  if (endpoint.idempotency === 'not-needed') return undefined
  const { caller, authorization, rawBody } = request.state
  const who =
    caller.kind === 'api-key' ? `apikey:${caller.keyId}` : caller.kind === 'user' ? caller.userId : 'anonymous'
  const scope = [JSON.stringify(authorization.scope ?? null), who, endpoint.route, JSON.stringify(params)]
  return parseIdempotencyKey(request.raw.headersDistinct['idempotency-key'], scope, rawBody)
}

function buildCall(
  parts: ApiParts,
  { endpoint }: Operation,
  { http, params, key }: { http: Http; params: Record<string, string>; key: IdempotencyKey | undefined },
): AnyCall {
  const { request, reply } = http
  const { caller, authorization, apiVersion } = request.state
  const db =
    authorization.scope === undefined
      ? parts.platform.db
      : parts.platform.database.dbOf(authorization.scope.organizationId)
  return {
    params,
    // Both were validated against the endpoint's own schemas.
    query: request.query as AnyCall['query'],
    body: request.body,
    caller: caller as AnyCall['caller'],
    scope: authorization.scope as AnyCall['scope'],
    permissions: authorization.permissions,
    platform: parts.platform,
    db,
    now: parts.platform.clock.now(),
    // Created lazily, because most handlers log nothing.
    get log() {
      return parts.platform.log.child({ requestId: request.id })
    },
    requestId: request.id,
    apiVersion,
    idempotency: key,
    change: (work, describe) =>
      db.transaction().execute(async (tx) => {
        const result = await work(tx)
        if (endpoint.audit !== 'none')
          await writeAudit(tx, { request, action: endpoint.audit, described: describe?.(result) })
        return result
      }),
    request,
    reply,
  }
}

function writeAudit(
  tx: Tx,
  about: { request: FastifyRequest; action: string; described: string | AuditSubject | undefined },
): Promise<void> {
  const { request, action, described } = about
  const subject = typeof described === 'string' ? { resourceId: described } : described
  const { caller, authorization } = request.state
  return insertAuditEntryAndCommit(tx, {
    action,
    actor: subject?.actor ?? caller,
    scope: subject?.scope === undefined ? authorization.scope : (subject.scope ?? undefined),
    resourceId: subject?.resourceId,
    changes: subject?.changes,
    request: auditedRequest(request),
  })
}

async function send(
  parts: ApiParts,
  operation: Operation,
  { http, call }: { http: Http; call: AnyCall },
): Promise<FastifyReply> {
  const result = await operation.endpoint.handle(call)
  if (result === hijacked) return http.reply
  if ('stream' in result) return http.reply.code(result.status).headers(result.headers).send(result.stream)
  return sendStored(http.reply, present(parts, operation, { http, result }))
}

// One winner runs the handler. Only a finished reply is stored, so that a failed request can be retried.
async function sendOnce(
  parts: ApiParts,
  operation: Operation,
  { http, call, key }: { http: Http; call: AnyCall; key: IdempotencyKey },
): Promise<FastifyReply> {
  const acquired = await parts.idempotency.acquire(key.keyHash, key.bodyHash)
  switch (acquired.state) {
    case 'finished':
      return sendStored(http.reply.header('Idempotent-Replayed', 'true'), acquired.reply)
    case 'in-progress':
      throw problem('idempotency-in-progress', {
        detail: 'A request with this Idempotency-Key is still in progress: try again when it has ended.',
        headers: { 'Retry-After': '1' },
      })
    case 'reused':
      throw problem('idempotency-key-reuse', {
        detail: 'This Idempotency-Key was used with another body: use a new key for a new request.',
      })
    case 'acquired':
      return sendStored(http.reply, await runHolding(parts, operation, { http, call, key }))
  }
}

async function runHolding(
  parts: ApiParts,
  operation: Operation,
  { http, call, key }: { http: Http; call: AnyCall; key: IdempotencyKey },
): Promise<StoredReply> {
  const { idempotency } = parts
  const logFailure = (work: Promise<void>) =>
    work.catch((error: unknown) => call.log.warn({ err: error }, 'An idempotency key could not be updated.'))
  // A long request, such as one that waits for a run, takes longer than the lock, which must end soon after a crash.
  const renewal = setInterval(
    () => void logFailure(idempotency.renew(key.keyHash, key.bodyHash)),
    idempotencyLockMs / 3,
  )
  try {
    const result = await operation.endpoint.handle(call)
    if (result === hijacked || 'stream' in result) throw new Error(`${operation.id} cannot be idempotent: it streams.`)
    const stored = present(parts, operation, { http, result })
    // The handler has taken effect: failing to store the reply must neither fail the request nor release the key.
    await logFailure(idempotency.finish(key.keyHash, key.bodyHash, stored))
    return stored
  } catch (error) {
    await logFailure(idempotency.release(key.keyHash, key.bodyHash))
    throw error
  } finally {
    clearInterval(renewal)
  }
}

function present(
  { platform }: ApiParts,
  { id }: Operation,
  { http, result }: { http: Http; result: JsonReply<Returns> },
): StoredReply {
  const { apiVersion } = http.request.state
  const status = Number(result.status)
  const headers = result.headers ?? {}
  if (status === 204) return { status, headers, body: '' }
  const newest = String(http.reply.code(status).serialize(result.body))
  const body =
    apiVersion === platform.versions.current
      ? newest
      : JSON.stringify(platform.versions.downgradeReply(apiVersion, id, JSON.parse(newest)))
  // Store the version too: a replay has the shape of the first reply, regardless of the version of the new request.
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8', 'appstrate-version': apiVersion },
    body,
  }
}

function sendStored(reply: FastifyReply, stored: StoredReply): FastifyReply {
  reply.code(stored.status).headers(stored.headers)
  return stored.body === '' ? reply.send() : reply.send(stored.body)
}
