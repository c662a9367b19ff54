import { STATUS_CODES } from 'node:http'
import { Type, type TSchema } from 'typebox'
import type { Operation } from '../api.ts'
import { bodyBytesDefault, requiredPermissions, type Endpoint, type PathParam } from '../endpoint.ts'
import { sourceOf, type Feature } from '../feature.ts'
import { idempotencyProblems } from '../idempotency/idempotency.ts'
import { problemType } from '../problem-reply.ts'
import { problemRow, type ProblemCode, type ProblemTable } from '../../problems/problem.ts'
import { WireId } from '../wire.ts'

type Json = Record<string, unknown>

/** Problems that every endpoint can answer. */
const commonFailures: readonly ProblemCode[] = [
  'malformed-request',
  'unsupported-media-type',
  'validation-error',
  'rate-limited',
  'internal-error',
  'service-unavailable',
  'shutting-down',
  'insufficient-storage',
  'invalid-api-version',
  'unsupported-api-version',
]

/** The fixed part of the OpenAPI 3.1 document. */
export function documentHead(features: readonly Feature[], version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Appstrate API',
      version,
      description: 'Run durable, sandboxed AI agents inside your own product.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'Appstrate', url: 'https://appstrate.dev' },
    },
    servers: [{ url: '/', description: 'This server' }],
    tags: features
      .filter(({ endpoints }) => Object.values(endpoints).some(({ undocumented }) => undocumented !== true))
      .map(({ tag, description }) => ({ name: tag, description })),
    components: {
      securitySchemes: {
        apiKey: { type: 'http' as const, scheme: 'bearer', description: 'An API key: `Authorization: Bearer ask_…`.' },
        session: {
          type: 'apiKey' as const,
          in: 'cookie' as const,
          name: 'better-auth.session_token',
          description: 'The cookie of a signed-in user.',
        },
        streamToken: {
          type: 'apiKey' as const,
          in: 'query' as const,
          name: 'token',
          description: 'An API key, for EventSource clients that cannot send headers.',
        },
      },
    },
  }
}

/** The description of one operation, in the form that the swagger plugin reads. */
export function describeOperation({ id, endpoint, feature }: Operation, problems: ProblemTable): Json {
  const { query, body, params = {} } = endpoint
  return {
    operationId: id,
    summary: endpoint.summary,
    description: describe(endpoint),
    tags: [feature.tag],
    security: securityOf(endpoint.caller),
    ...(Object.keys(params).length === 0 ? {} : { params: Type.Object(mapValues(params, pathSchema)) }),
    ...(query === undefined || Object.keys(query).length === 0 ? {} : { querystring: Type.Object(query) }),
    headers: { type: 'object', properties: headersOf(endpoint) },
    ...bodyOf(body, endpoint.bodyKind),
    response: { ...successes(endpoint), ...failures(endpoint, problems) },
    ...(endpoint.bodyKind === 'optional-json' ? { 'x-optional-body': true } : {}),
    'x-source': sourceOf(feature, id),
  }
}

function describe(endpoint: Endpoint): string {
  const { description, caller, body, bodyKind, bodyBytesMax = bodyBytesDefault } = endpoint
  const isJson = body !== undefined && bodyKind !== 'multipart'
  const names = requiredPermissions(endpoint).map((permission) => `\`${permission}\``)
  return [
    description,
    isJson ? `The body has at most ${(bodyBytesMax / 1024).toLocaleString('en')} KiB.` : undefined,
    caller === 'administrator' ? 'For administrators of the instance.' : undefined,
    names.length === 0 ? undefined : `Needs the permission${names.length > 1 ? 's' : ''} ${names.join(' and ')}.`,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n')
}

function securityOf(caller: Operation['endpoint']['caller']): Json[] {
  if (caller === 'anyone') return []
  if (caller === 'user' || caller === 'administrator') return [{ session: [] }]
  return caller === 'stream'
    ? [{ apiKey: [] }, { streamToken: [] }, { session: [] }]
    : [{ apiKey: [] }, { session: [] }]
}

function pathSchema(param: PathParam): TSchema {
  return 'id' in param ? WireId(param.id) : Type.String({ description: param.text, minLength: 1 })
}

function headersOf({ caller, idempotency }: Operation['endpoint']): Json {
  const version = {
    'appstrate-version': {
      type: 'string',
      format: 'date',
      description: "API version; the organization's pin or the current one when absent.",
    },
  }
  const org = { 'x-org-id': { ...WireId('org'), description: 'The organization; needed with a session.' } }
  const app = { 'x-app-id': { ...WireId('app'), description: 'The application.' } }
  const key = {
    'idempotency-key': {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description: 'Makes a retry safe: the same key and body give the same reply for 24 h.',
    },
  }
  const endUser = {
    'appstrate-user': { ...WireId('eu'), description: 'Acts on behalf of an end-user (API keys only).' },
  }
  return {
    ...version,
    ...(caller === 'organization' ? org : {}),
    ...(caller === 'application' ? { ...app, ...endUser } : {}),
    ...(idempotency === 'supported' ? key : {}),
  }
}

function bodyOf(body: TSchema | undefined, kind: Operation['endpoint']['bodyKind']): Json {
  if (body === undefined) return {}
  return kind === 'multipart' ? { body, consumes: ['multipart/form-data'] } : { body, consumes: ['application/json'] }
}

function successes({ returns, streams, summary }: Operation['endpoint']): Json {
  return Object.fromEntries<Json>(
    Object.entries(returns).map(([status, schema]) => {
      const description = STATUS_CODES[status] ?? summary
      if ('x-nothing' in schema) return [status, { type: 'null', description }]
      const type = status === '200' && streams !== undefined ? streams : 'application/json'
      return [status, { description, content: { [type]: { schema } } }]
    }),
  )
}

function failures(endpoint: Operation['endpoint'], problems: ProblemTable): Json {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of new Set([...failuresOf(endpoint)])) {
    const { status } = problemRow(problems, code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, describeFailure(codes, problems)]))
}

/** Every problem code that an endpoint can answer. */
export function failuresOf({
  route,
  caller,
  fails,
  idempotency,
  body,
  bodyKind,
  permission,
  params = {},
}: Operation['endpoint']): ProblemCode[] {
  const isJson = body !== undefined && bodyKind !== 'multipart'
  const when = (applies: boolean, ...codes: ProblemCode[]) => (applies ? codes : [])
  return [
    ...commonFailures,
    ...failuresByCaller[caller],
    ...when(caller === 'administrator' && !route.startsWith('GET '), 'reauthentication-required'),
    ...when(permission !== 'none', 'forbidden'),
    ...when(idempotency === 'supported', ...idempotencyProblems),
    ...when(isJson, 'malformed-json'),
    ...when(body !== undefined, 'payload-too-large'),
    ...Object.values(params).map((param) => ('id' in param ? param.missing : 'not-found')),
    ...fails,
  ]
}

const ofKeys: readonly ProblemCode[] = ['unauthorized', 'header-not-allowed', 'origin-not-allowed']
const ofOrganizations: readonly ProblemCode[] = [
  ...ofKeys,
  'org-not-found',
  'organization-suspended',
  'invalid-end-user-id',
  'invalid-end-user',
]
const ofApplications: readonly ProblemCode[] = [
  ...ofKeys,
  'missing-app-id',
  'app-mismatch',
  'app-not-found',
  'org-mismatch',
  'organization-suspended',
  'invalid-end-user-id',
  'invalid-end-user',
]

const failuresByCaller: Readonly<Record<Operation['endpoint']['caller'], readonly ProblemCode[]>> = {
  anyone: [],
  user: [...ofKeys, 'session-required'],
  administrator: [...ofKeys, 'session-required', 'administrator-required'],
  member: ofOrganizations,
  organization: [...ofOrganizations, 'missing-org-id', 'org-mismatch'],
  application: ofApplications,
  stream: ofApplications,
}

function describeFailure(codes: readonly ProblemCode[], problems: ProblemTable): Json {
  const examples = Object.fromEntries(codes.map((code) => [code, exampleOf(code, problems)]))
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    content: { 'application/problem+json': { schema: ProblemSchema, examples } },
  }
}

function exampleOf(code: ProblemCode, problems: ProblemTable): Json {
  const { status, title } = problemRow(problems, code)
  const value = {
    type: problemType(code),
    title,
    status,
    detail: `${title}.`,
    instance: '/api',
    requestId: 'req_01jq5x3v7kf8hb2m9w4tcd6e1n',
  }
  return { 'x-example': code, summary: title, value }
}

const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), message: Type.String(), code: Type.String() })),
    ),
  },
  { 'x-component': 'Problem', additionalProperties: true },
)

/** Moves schemas with `x-component` and examples with `x-example` into `components`, and refers to them. */
export function liftComponents(document: Json): Json {
  const lifted: Readonly<Record<'schemas' | 'examples', Json>> = { schemas: {}, examples: {} }
  const lift = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => lift(item))
    if (typeof value !== 'object' || value === null) return value
    const {
      'x-component': schemaName,
      'x-example': exampleName,
      ...rest
    }: Json = withoutExample(withOptionalBody({ ...value }))
    const inner = Object.fromEntries(Object.entries(rest).map(([key, child]) => [key, lift(child)]))
    const [kind, name] =
      typeof schemaName === 'string' ? (['schemas', schemaName] as const) : (['examples', exampleName] as const)
    if (typeof name !== 'string') return inner
    lifted[kind][name] = inner
    return { $ref: `#/components/${kind}/${name}` }
  }
  const paths = lift(document['paths'])
  const components: Json = { ...(document['components'] as Json | undefined) }
  return { ...document, paths, components: { ...components, ...mapValues(lifted, sortKeys) } }
}

// The swagger plugin marks every body as required.
function withOptionalBody({ 'x-optional-body': isOptional, ...operation }: Json): Json {
  return isOptional === true
    ? { ...operation, requestBody: { ...(operation['requestBody'] as Json), required: false } }
    : operation
}

// Swagger UI fills fields with their examples, and would send optional parameters that the user did not set.
function withoutExample(value: Json): Json {
  if ((value['in'] !== 'query' && value['in'] !== 'header') || value['required'] === true) return value
  const { example, examples, schema, ...parameter } = value
  const { example: ofSchema, examples: ofSchemas, ...rest }: Json = { ...(schema as Json | undefined) }
  return { ...parameter, schema: rest }
}

function sortKeys(record: Json): Json {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a.localeCompare(b)))
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
