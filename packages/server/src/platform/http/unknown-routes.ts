import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { patternOf, splitRoute, type Operation } from './api.ts'
import { pathOf } from './problem-reply.ts'
import { problem } from '../problems/problem.ts'

interface KnownRoute {
  readonly method: string
  readonly pattern: RegExp
}

/** Paths that no operation stands for. */
const documentation: readonly KnownRoute[] = ['GET', 'HEAD'].map((method) => ({
  method,
  pattern: /^\/api\/(?:openapi\.json|docs)\/?$/,
}))

/** Answers 404, or 405 with `Allow` where the path exists; before the body is read, so that a wrong address is told first. */
export function answerUnknownRoutes(app: FastifyInstance, operations: readonly Operation[]): void {
  const routes = [...documentation, ...operations.flatMap(toKnownRoutes)]
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return refuse(routes, request, reply)
  })
  // Routes of plugins pass on here what they don't serve, such as OPTIONS without a trusted origin.
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
      detail: `There is nothing at ${request.method} ${path}: the API is described at /api/docs.`,
    })
  if (request.method === 'OPTIONS') return reply.code(204).header('Allow', `${methods}, OPTIONS`).send()
  throw problem('method-not-allowed', {
    detail: `${path} takes ${methods}, not ${request.method}.`,
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
