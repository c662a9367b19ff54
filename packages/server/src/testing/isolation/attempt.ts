import { splitRoute, type Operation } from '../../platform/http/api.ts'
import type { PathParam } from '../../platform/http/endpoint.ts'
import type { SendOptions } from '../request.ts'
import type { Belongings } from './belongings.ts'
import { exampleBody, exampleQuery, listIdFields, type Choose, type IdField } from './example-request.ts'

/** A caller who tries to access resources of others. */
export interface Attacker {
  readonly name: string
  /** Their credentials, with their own organization and application. */
  readonly headers: Readonly<Record<string, string>>
  /** The resources that must not be accessible; `own` has the attacker's, which complete a request. */
  readonly foreign: Belongings
  readonly own: Belongings
  /** Headers that name the victim's organization, application or end-user, in all useful combinations. */
  readonly foreignHeaders: readonly Readonly<Record<string, string>>[]
  /** Texts and ids that must not appear in a reply. */
  readonly secrets: readonly string[]
}

/** A request with a foreign id in one place. `nothing`: a request without one, whose reply is searched for secrets. */
export interface LeakAttempt extends SendOptions {
  readonly operation: Operation
  readonly route: string
  readonly foreign: 'path' | 'headers' | 'body' | 'query' | 'nothing'
  readonly headers: Readonly<Record<string, string>>
}

/** All attempts of an attacker on an operation. */
export function planAttempts(operation: Operation, attacker: Attacker): LeakAttempt[] {
  return [
    ...onPaths(operation, attacker),
    ...onHeaders(operation, attacker),
    ...onFields(operation, attacker),
    ...onNothing(operation, attacker),
  ]
}

/** The headers that set the scope of each kind of caller; other headers have no effect. */
const scopeHeaders: Readonly<Record<string, readonly string[]>> = {
  organization: ['x-org-id', 'appstrate-user'],
  application: ['x-org-id', 'x-app-id', 'appstrate-user'],
  stream: ['x-org-id', 'x-app-id', 'appstrate-user'],
}

type Params = Readonly<Record<string, string>>

function onPaths(operation: Operation, attacker: Attacker): LeakAttempt[] {
  return foreignPaths(operation, attacker).map((params) => attempt(operation, attacker, { foreign: 'path', params }))
}

function onHeaders(operation: Operation, attacker: Attacker): LeakAttempt[] {
  const names = scopeHeaders[operation.endpoint.caller] ?? []
  const effective = attacker.foreignHeaders.filter((headers) =>
    Object.keys(headers).some((name) => names.includes(name)),
  )
  const paths = [...foreignPaths(operation, attacker), ...ownPaths(operation, attacker)]
  return effective.flatMap((headers) =>
    paths.map((params) => attempt(operation, attacker, { foreign: 'headers', params, headers })),
  )
}

// A foreign id in one field at a time, with the attacker's own ids in the others; then in all fields.
function onFields(operation: Operation, attacker: Attacker): LeakAttempt[] {
  const fields = listIdFields(operation).filter(({ prefixes }) =>
    prefixes.some((prefix) => attacker.foreign.ids.has(prefix)),
  )
  const [params] = ownPaths(operation, attacker)
  if (params === undefined || fields.length === 0) return []
  const isSame = (a: IdField, b: IdField) => a.in === b.in && a.path === b.path
  const choices = fields.flatMap((field) =>
    field.prefixes.flatMap((prefix) =>
      (attacker.foreign.ids.get(prefix) ?? []).map((id) => ({
        in: field.in,
        choose: (other: IdField) => (isSame(field, other) ? id : undefined),
      })),
    ),
  )
  const all = {
    in: fields.some((field) => field.in === 'body') ? ('body' as const) : ('query' as const),
    choose: ({ prefixes }: IdField) => prefixes.flatMap((prefix) => attacker.foreign.ids.get(prefix) ?? [])[0],
  }
  return [...choices, ...(fields.length > 1 ? [all] : [])].map(({ in: where, choose }) =>
    attempt(operation, attacker, { foreign: where, params, choose }),
  )
}

// Only GET: a change without a foreign id affects only the attacker's own data.
function onNothing(operation: Operation, attacker: Attacker): LeakAttempt[] {
  if (splitRoute(operation.endpoint.route)[0] !== 'GET') return []
  return ownPaths(operation, attacker).map((params) => attempt(operation, attacker, { foreign: 'nothing', params }))
}

/** The paths with foreign ids: in all parameters, and in each one with the attacker's own ids in the others. */
function foreignPaths(operation: Operation, { foreign, own }: Attacker): Params[] {
  const declared = Object.entries(paramsOf(operation))
  const hunted = declared.filter(([name, param]) => valuesOf(name, param, foreign).length > 0)
  if (hunted.length === 0) return []
  const only = hunted.flatMap(([target]) =>
    combine(declared.map(([name, param]) => [name, valuesOf(name, param, name === target ? foreign : own)])),
  )
  const all = combine(
    declared.map(([name, param]) => [
      name,
      valuesOf(name, param, hunted.some(([other]) => other === name) ? foreign : own),
    ]),
  )
  return [...new Map([...all, ...only].map((params) => [JSON.stringify(params), params])).values()]
}

function ownPaths(operation: Operation, { own }: Attacker): Params[] {
  const [first] = combine(
    Object.entries(paramsOf(operation)).map(([name, param]) => [name, valuesOf(name, param, own).slice(0, 1)]),
  )
  return first === undefined ? [] : [first]
}

/** The declared parameters, and the wildcard `*` at the end of a path. */
export function paramsOf({ endpoint }: Operation): Readonly<Record<string, PathParam>> {
  return { ...endpoint.params, ...(endpoint.route.endsWith('*') ? { '*': { text: 'Anything.' } } : {}) }
}

function valuesOf(name: string, param: PathParam, { ids, texts }: Belongings): readonly string[] {
  return ('id' in param ? ids.get(param.id) : texts.get(name)) ?? []
}

function combine(choices: readonly (readonly [name: string, values: readonly string[]])[]): Params[] {
  return choices.reduce<Params[]>(
    (paths, [name, values]) => paths.flatMap((path) => values.map((value) => ({ ...path, [name]: value }))),
    [{}],
  )
}

interface Aim {
  readonly foreign: LeakAttempt['foreign']
  readonly params: Params
  readonly headers?: Readonly<Record<string, string>>
  readonly choose?: Choose
}

function attempt(
  operation: Operation,
  attacker: Attacker,
  { foreign, params, headers = {}, choose = () => undefined }: Aim,
): LeakAttempt {
  const { endpoint } = operation
  // Required ids are the attacker's own, except the one that the attempt is about.
  const chosen: Choose = (field) => choose(field) ?? (field.isRequired ? ownOf(attacker, field) : undefined)
  const body = exampleBody(operation, chosen)
  const query = exampleQuery(operation, choose)
  const form = endpoint.bodyKind === 'multipart' ? { rawBody: exampleForm() } : {}
  const sent =
    endpoint.caller === 'stream'
      ? inQuery({ ...attacker.headers, ...headers }, query)
      : { headers: { ...attacker.headers, ...headers }, query }
  return {
    operation,
    foreign,
    route: fillRoute(endpoint.route, params),
    ...(body === undefined ? {} : { body }),
    ...form,
    ...sent,
  }
}

function ownOf({ own, foreign }: Attacker, { prefixes }: IdField): string | undefined {
  const [id] = prefixes.flatMap((prefix) => own.ids.get(prefix) ?? foreign.ids.get(prefix) ?? [])
  return id
}

// A stream also accepts its scope in the query, for clients that cannot send headers.
function inQuery(headers: Readonly<Record<string, string>>, query: Record<string, string>) {
  const { 'x-org-id': orgId, 'x-app-id': appId, 'appstrate-user': endUser, authorization, ...rest } = headers
  const named = Object.entries({ orgId, appId, endUser, token: authorization?.replace('Bearer ', '') })
  const given = named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  return { headers: rest, query: { ...query, ...Object.fromEntries(given) } }
}

/** The form of an upload. */
export function exampleForm(): FormData {
  const form = new FormData()
  form.set('file', new Blob(['a,b\n1,2\n']), 'tried.csv')
  return form
}

/** The concrete `METHOD /path`. */
export function fillRoute(route: string, params: Params): string {
  return route.replace(/:(\w+)|\*$/g, (match, name: string | undefined) =>
    name === undefined ? (params[match] ?? '') : encodeURIComponent(params[name] ?? ''),
  )
}
