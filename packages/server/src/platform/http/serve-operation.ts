import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { insertAuditEntryAndCommit } from '../audit/postgres-audit.ts'
import type { AuditSubject } from '../audit/audit.ts'
import { deletedTenantOf } from '../db/database-failure.ts'
import type { Tx } from '../db/database.ts'
import { parseWireId } from '../ids/id.ts'
import { auditedRequest } from './admit.ts'
import type { ApiParts, Operation } from './api.ts'
import { parseIdempotencyKey, type IdempotencyKey } from './idempotency/idempotency.ts'
import { keepReply, sendOnce } from './idempotency/send-once.ts'
import { present, sendStored, type Http } from './idempotency/stored-reply.ts'
import { hijacked, requiredPermissions, type AnyCall, type Endpoint, type PathParam } from './endpoint.ts'
import { problem } from '../problems/problem.ts'
import { sealReplies } from './idempotency/seal-replies.ts'
import { findUnsafeValues, isStorable, isTooDeep } from './unsafe-values.ts'
import { bodyValidator, queryValidator, refuseInvalid } from './validation.ts'

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
    if (key === undefined) return send(parts, operation, { http, call })
    request.state.hasIdempotencyKey = true
    return sendOnce(parts, operation, { http, call, key })
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
  operation: Operation,
  { http, params, key }: { http: Http; params: Record<string, string>; key: IdempotencyKey | undefined },
): AnyCall {
  const { endpoint } = operation
  const { request, reply } = http
  const { caller, authorization, apiVersion } = request.state
  const db =
    authorization.scope === undefined
      ? parts.platform.db
      : parts.platform.database.dbOf(authorization.scope.organizationId, operation.id)
  const inTransaction = <T>(work: (tx: Tx) => Promise<T>) => db.transaction().execute(work).catch(refuseInDeleted)
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
      inTransaction(async (tx) => {
        const result = await work(tx)
        await writeAudit(tx, { request, endpoint, described: describe?.(result) })
        return result
      }),
    changeOnce: (work, about) =>
      inTransaction(async (tx) => {
        const result = await work(tx)
        const answer = about.reply(result)
        if (key !== undefined)
          await keepReply(parts.idempotency, tx, { key, stored: present(parts, operation, { http, result: answer }) })
        await writeAudit(tx, { request, endpoint, described: about.describe(result) })
        return answer
      }),
    request,
    reply,
  }
}

const tenantProblems = { application: 'app-not-found', organization: 'org-not-found' } as const

/** A change that began before its tenant was deleted is answered like one that began after it. */
function refuseInDeleted(error: unknown): never {
  const deleted = deletedTenantOf(error)
  throw deleted === undefined ? error : problem(tenantProblems[deleted])
}

async function writeAudit(
  tx: Tx,
  about: { request: FastifyRequest; endpoint: Endpoint; described: string | AuditSubject | undefined },
): Promise<void> {
  const { request, endpoint, described } = about
  if (endpoint.audit === 'none') return
  const subject = typeof described === 'string' ? { resourceId: described } : described
  const { caller, authorization } = request.state
  await insertAuditEntryAndCommit(tx, {
    action: endpoint.audit,
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
