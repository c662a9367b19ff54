import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import { hooksOf } from '../../hooks/hooks.ts'
import type { ProblemTable } from '../../problems/problem.ts'
import { listOperations, splitRoute, type ApiParts, type Operation } from '../api.ts'
import { withContributions } from './contributed.ts'
import type { Feature } from '../feature.ts'
import { problemTable } from '../http-problems.ts'
import { describeOperation, documentHead, liftComponents } from './openapi.ts'

const apiVersion = '1.0.0'

/** The page loads only from this server, over http or https. */
const contentPolicy = [
  "default-src 'self'",
  "base-uri 'self'",
  "font-src 'self' data:",
  "frame-ancestors 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "style-src 'self' 'unsafe-inline'",
].join('; ')

const wordmark =
  '<svg xmlns="http://www.w3.org/2000/svg" width="150" height="40"><text x="0" y="27" fill="#fff" ' +
  'font-family="system-ui,sans-serif" font-size="22" font-weight="600">Appstrate</text></svg>'
const logo = { type: 'image/svg+xml', content: wordmark, href: '/', target: '_self' } as const

/** Serves the OpenAPI document at `/api/openapi.json`, and Swagger UI at `/api/docs` without external resources. */
export async function registerDocs(app: FastifyInstance, { features, platform }: ApiParts): Promise<void> {
  await registerDocument(app, features, platform.problems)
  await app.register(fastifySwaggerUi, {
    routePrefix: '/api/docs',
    staticCSP: contentPolicy,
    // Closed sections: the page does not render when more than 123 operations are open at a time.
    uiConfig: { tryItOutEnabled: true, docExpansion: 'none', filter: true },
    logo,
  })
  app.head('/api/docs', { schema: { hide: true } }, (_request, reply) => reply.type('text/html; charset=utf-8').send())
  let document: string | undefined
  app.get('/api/openapi.json', { schema: { hide: true }, exposeHeadRoute: true }, (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(document)
  })
}

/** Builds the OpenAPI document from the declarations of the features, without a database or a listening server. */
export async function buildDocument(features: readonly Feature[]): Promise<object> {
  const app = Fastify({ exposeHeadRoutes: false })
  app.setValidatorCompiler(() => () => true)
  await registerDocument(app, features, problemTable(features))
  const hooks = hooksOf(features)
  for (const operation of listOperations(features)) {
    app.route({ ...documentedRoute(withContributions(operation, hooks)), handler: async () => undefined })
  }
  await app.ready()
  return app.swagger()
}

/** The part of a route that its documentation is read from. */
export function documentedRoute(operation: Operation) {
  const { endpoint } = operation
  const [method, url] = splitRoute(endpoint.route)
  const schema = { response: jsonResponses(operation), ...(endpoint.undocumented === true ? { hide: true } : {}) }
  return { method, url, config: { operation }, schema }
}

async function registerDocument(
  app: FastifyInstance,
  features: readonly Feature[],
  problems: ProblemTable,
): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: documentHead(features, apiVersion),
    hideUntagged: true,
    transform: ({ schema, url, route }) => {
      const operation =
        route.config === undefined || !('operation' in route.config) ? undefined : (route.config.operation as Operation)
      return {
        schema:
          operation === undefined || schema.hide === true ? { hide: true } : describeOperation(operation, problems),
        url,
      }
    },
    transformObject: (document) =>
      'openapiObject' in document ? liftComponents({ ...document.openapiObject }) : document.swaggerObject,
  })
}

function jsonResponses({ endpoint }: Operation) {
  const isJson = ([status, schema]: [string, object]) =>
    !('x-nothing' in schema) && !(status === '200' && endpoint.streams !== undefined)
  return Object.fromEntries(Object.entries(endpoint.returns).filter(isJson))
}
