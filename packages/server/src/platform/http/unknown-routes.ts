import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { patternOf, splitRoute, type Operation } from './api.ts'
import { pathOf } from './problem-reply.ts'
import { problem } from '../problems/problem.ts'

interface KnownRoute {
  readonly method: string
  readonly pattern: RegExp
}

/** Paths without an operation. */
const documentation: readonly KnownRoute[] = ['GET', 'HEAD'].map((method) => ({
  method,
  pattern: /^\/api\/(?:openapi\.json|docs)\/?$/,
}))

/** Answers 404, or 405 with `Allow` if the path exists. Runs before the body is read, to report a wrong URL first. */
export function answerUnknownRoutes(app: FastifyInstance, operations: readonly Operation[]): void {
  const routes = [...documentation, ...operations.flatMap(toKnownRoutes)]
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return refuse(routes, request, reply)
  })
  // Routes of plugins fall through to here, such as OPTIONS without a trusted origin.
  app.setNotFoundHandler((request, reply) => refuse(routes, request, reply))
}

function refuse(routes: readonly KnownRoute[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = pathOf(request.originalUrl)
  const routed = request.url.split('?', 1)[0] ?? ''
  const methods = [...new Set(routes.filter(({ pattern }) => pattern.test(routed)).map(({ method }) => method))].join(
    ', ',
  )
  if (methods === '')
    throw problem('not-found', {
      detail: `There is no endpoint ${request.method} ${path}: see the API documentation at /api/docs.`,
    })
  if (request.method === 'OPTIONS') return reply.code(204).header('Allow', `${methods}, OPTIONS`).send()
  throw problem('method-not-allowed', {
    detail: `${path} accepts ${methods}, not ${request.method}.`,
    headers: { Allow: methods },
  })
}

function toKnownRoutes({ endpoint }: Operation): KnownRoute[] {
  const [method, url] = splitRoute(endpoint.route)
  const pattern = patternOf(url)
  return method === 'GET' && endpoint.caller !== 'stream'
    ? [
        { method, pattern },
        { method: 'HEAD', pattern },
      ]
    : [{ method, pattern }]
}
