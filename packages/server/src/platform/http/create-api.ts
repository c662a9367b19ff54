import fastifyCors from '@fastify/cors'
import fastifyMultipart from '@fastify/multipart'
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { IncomingMessage } from 'node:http'
import { newWireId } from '../ids/id.ts'
import { admit } from './admit.ts'
import { emptyState, listOperations, type ApiParts, type Operation } from './api.ts'
import { limitBodyTimes } from './connections/body-time.ts'
import { answerBrokenRequest, refuseConnection, watchAnswers } from './broken-request.ts'
import { clientAddress, networkOf, trustedProxies } from './connections/client-address.ts'
import { withContributions } from './openapi/contributed.ts'
import { countRequest } from './count-request.ts'
import { bodyBytesDefault } from './endpoint.ts'
import { limitConnections } from './connections/limit-connections.ts'
import { documentedRoute, registerDocs } from './openapi/docs.ts'
import { pathOf, sendProblem } from './problem-reply.ts'
import { problem, type Problem } from '../problems/problem.ts'
import { isDecodable, routedUrl } from './request-url.ts'
import { shedLoad } from './load/shed-load.ts'
import { serveOperation } from './serve-operation.ts'
import { allowStylesOfPages, securityHeaders } from './security-headers.ts'
import { answerUnknownRoutes } from './unknown-routes.ts'
import { endConnectionsOnClose } from './connections/closing-connections.ts'

/** Long enough for the largest upload over a slow connection; a slower request is aborted. */
const requestTimeoutMs = 30 * 60_000
const headersTimeoutMs = 30_000
/** A connection on which nothing was sent or received for this long is closed: its client does not read the reply. */
const idleTimeoutMs = 120_000

/** The most characters of one path segment. */
const pathPartMax = 500

/** The headers that a page of another origin may read. */
const exposedHeaders = [
  'Request-Id',
  'Location',
  'Appstrate-Version',
  'Deprecation',
  'Sunset',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Idempotent-Replayed',
]

/** Creates the HTTP server of the features, ready to listen. */
export async function createApi(parts: ApiParts): Promise<FastifyInstance> {
  const { platform } = parts
  const app = createServer(parts)
  // Disable Fastify's validation: serveOperation validates, to report all mistakes of all parts at once.
  app.setValidatorCompiler(() => () => true)
  app.decorateRequest('state')
  app.setErrorHandler((error, request, reply) => sendProblem(platform.problems, { request, reply }, error))
  watchAnswers(app.server)
  limitBodyTimes(app.server, { bodyMs: platform.config.BODY_TIMEOUT_SECONDS * 1000 })
  limitConnections(app.server, {
    perAddressMax: platform.config.CONNECTIONS_PER_ADDRESS,
    proxies: trustedProxies(platform.config.TRUST_PROXY),
    refuse: (socket) => refuseConnection(parts, socket),
  })
  endConnectionsOnClose(app)
  watchRequests(app, parts)
  allowStylesOfPages(app)
  parseJsonBodies(app)
  await app.register(fastifyCors, {
    origin: (origin, allow) => allow(null, origin !== undefined && platform.isTrustedOrigin(origin)),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    credentials: true,
    strictPreflight: false,
    maxAge: 600,
    exposedHeaders,
  })
  const operations = listOperations(parts.features).map((each) => withContributions(each, platform.hooks))
  answerUnknownRoutes(app, operations)
  // Endpoints that accept larger files than a JSON body say so where they read them.
  await app.register(fastifyMultipart, { limits: { files: 1, fields: 0, parts: 2, headerPairs: 20 } })
  await registerDocs(app, parts)
  for (const operation of operations) registerOperation(app, parts, operation)
  return app
}

function createServer(parts: ApiParts): FastifyInstance {
  const { platform } = parts
  const log: FastifyBaseLogger = platform.log
  return Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: () => newWireId('req'),
    requestIdHeader: false,
    trustProxy: trustProxy(platform.config.TRUST_PROXY),
    bodyLimit: bodyBytesDefault,
    exposeHeadRoutes: false,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleTimeoutMs,
    keepAliveTimeout: 65_000,
    forceCloseConnections: 'idle',
    // Answer during the stop as at any time: admit refuses what must not start any more.
    return503OnClosing: false,
    // findUnroutable refuses a request without Host, so that the reply is a problem.
    http: { requireHostHeader: false, headersTimeout: headersTimeoutMs, connectionsCheckingInterval: 5_000 },
    // Requests that the router rejects skip all hooks, so its limits are lifted and enforced in findUnroutable.
    routerOptions: { maxParamLength: 100_000, ignoreTrailingSlash: true },
    rewriteUrl: (request: IncomingMessage) => routedUrl(request.url ?? '/'),
    clientErrorHandler: (error, socket) => void answerBrokenRequest(parts, error, socket).catch(() => socket.destroy()),
  })
}

/** Parses JSON bodies and keeps their bytes, which idempotency compares. Other types answer 415. */
function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    request.state.rawBody = body
    if (body.length === 0) return done(null, undefined)
    try {
      done(null, parseJson(body))
    } catch (error) {
      const reason =
        error instanceof SyntaxError ? error.message.replace(/, (?:\.\.\.)?"[\s\S]*$/, '') : 'it is not valid UTF-8'
      done(problem('malformed-json', { detail: `The body is not valid JSON: ${reason}.` }))
    }
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(body: Buffer): unknown {
  // A `__proto__` key becomes an own property here, and findUnsafeValues refuses it: no prototype is changed.
  return JSON.parse(utf8.decode(body))
}

function registerOperation(app: FastifyInstance, parts: ApiParts, operation: Operation): void {
  const { endpoint } = operation
  refuseUnsafeReplay(operation)
  const serve = serveOperation(parts, operation)
  const shedding = shedLoad(parts, operation)
  app.route({
    ...documentedRoute(operation),
    exposeHeadRoute: endpoint.route.startsWith('GET ') && endpoint.caller !== 'stream',
    ...(endpoint.bodyBytesMax === undefined ? {} : { bodyLimit: endpoint.bodyBytesMax }),
    onRequest: [
      (request, reply) => shedding.enter({ request, reply }),
      (request, reply) => admit(parts, operation, { request, reply }),
    ],
    preParsing: async (request) => shedding.waitForBody(request),
    handler: (request, reply) => shedding.serve({ request, reply }, () => serve({ request, reply })),
  })
}

// A replay compares the bytes of the body, and the stored reply must belong to a caller.
function refuseUnsafeReplay({ id, endpoint }: Operation): void {
  if (endpoint.idempotency === 'not-needed') return
  if (endpoint.bodyKind === 'multipart') throw new Error(`${id} cannot support idempotency: its body is streamed.`)
  if (endpoint.caller === 'anyone') throw new Error(`${id} cannot support idempotency: anyone could read the replay.`)
}

function watchRequests(app: FastifyInstance, parts: ApiParts): void {
  const proxies = trustedProxies(parts.platform.config.TRUST_PROXY)
  app.addHook('onRequest', async (request, reply) => {
    // The framework's own getter accepts any text in X-Forwarded-For as an address.
    Object.defineProperty(request, 'ip', { value: clientAddress(request.raw, proxies) })
    request.state = emptyState(parts.platform.versions.current)
    reply.headers(firstHeaders(parts, request))
    const mistake = findUnroutable(request)
    const isOperation = mistake === undefined && 'operation' in request.routeOptions.config
    if (!isOperation && isApi(request)) await countUnrouted(parts, request, reply)
    if (mistake !== undefined) throw mistake
  })
  app.addHook('onResponse', async (request, reply) => logRequest(parts, request, reply))
}

// Requests that reach no operation are counted against the address, including those that the router rejects.
function countUnrouted(parts: ApiParts, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  return countRequest(
    parts,
    { limitClass: 'default', route: `${request.method} (no operation)`, who: `ip:${networkOf(request.ip)}` },
    reply,
  )
}

function findUnroutable({ originalUrl, headers, raw, params }: FastifyRequest): Problem | undefined {
  if (!isDecodable(originalUrl))
    return problem('malformed-request', { detail: 'The path is not well-formed percent-encoded UTF-8.' })
  if (headers.host === undefined && raw.httpVersion === '1.1')
    return problem('malformed-request', { detail: 'The Host header is missing.' })
  const longest = Math.max(0, ...Object.values(params ?? {}).map((value) => String(value).length))
  return longest > pathPartMax
    ? problem('uri-too-long', { detail: `A part of the path has more than ${pathPartMax} characters.` })
    : undefined
}

function logRequest({ platform }: ApiParts, request: FastifyRequest, reply: FastifyReply): void {
  const { caller } = request.state
  const who =
    caller.kind === 'api-key' ? { apiKeyId: caller.keyId } : caller.kind === 'user' ? { userId: caller.userId } : {}
  const durationMs = Math.round(reply.elapsedTime)
  platform.log.info(
    {
      requestId: request.id,
      method: request.method,
      path: pathOf(request.originalUrl),
      status: reply.statusCode,
      durationMs,
      ip: request.ip,
      ...who,
    },
    'request',
  )
}

function firstHeaders({ platform }: ApiParts, request: FastifyRequest): Record<string, string> {
  const headers = {
    'Request-Id': request.id,
    ...securityHeaders(platform.config),
    // The client opens its next connection at another node, before this one closes its connections.
    ...(platform.draining.aborted ? { Connection: 'close' } : {}),
  }
  return isApi(request)
    ? { ...headers, ...platform.versions.headers(platform.versions.current), 'Cache-Control': 'no-store' }
    : headers
}

function isApi(request: FastifyRequest): boolean {
  return /^\/api(?:[/?]|$)/.test(request.url)
}

function trustProxy(setting: readonly string[]): boolean | string[] {
  if (setting.length === 0) return false
  return setting.length === 1 && setting[0] === 'true' ? true : [...setting]
}
