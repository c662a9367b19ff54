import { splitRoute, type Operation } from '../../platform/http/api.ts'
import type { PathParam } from '../../platform/http/endpoint.ts'
import type { SendOptions } from '../request.ts'
import type { Belongings } from './belongings.ts'
import { exampleBody, exampleQuery, listIdFields, type Choose, type IdField } from './example-request.ts'

/** Somebody who tries to reach what is not theirs. */
export interface Attacker {
  readonly name: string
  /** Credentials, with the organization and application of their own. */
  readonly headers: Readonly<Record<string, string>>
  /** What may not be reached, and what of their own can stand beside it. */
  readonly foreign: Belongings
  readonly own: Belongings
  /** Headers that name the other's organization, application or end-user, in every combination worth trying. */
  readonly foreignHeaders: readonly Readonly<Record<string, string>>[]
  /** Texts and ids that may not be seen. */
  readonly secrets: readonly string[]
}

/** A request that names something foreign somewhere, or nothing at all (`nothing`: a list, looked through for what is foreign). */
export interface Attempt extends SendOptions {
  readonly operation: Operation
  readonly route: string
  readonly foreign: 'path' | 'headers' | 'body' | 'query' | 'nothing'
  readonly headers: Readonly<Record<string, string>>
}

/** Everything that an attacker tries on an operation. Throws when a thing is missing that its path needs. */
export function planAttempts(operation: Operation, attacker: Attacker): Attempt[] {
  return [
    ...onPaths(operation, attacker),
    ...onHeaders(operation, attacker),
    ...onFields(operation, attacker),
    ...onNothing(operation, attacker),
  ]
}

/** The headers that each kind of caller is scoped by; others do not count there. */
const scopeHeaders: Readonly<Record<string, readonly string[]>> = {
  organization: ['x-org-id', 'appstrate-user'],
  application: ['x-org-id', 'x-app-id', 'appstrate-user'],
  stream: ['x-org-id', 'x-app-id', 'appstrate-user'],
}

type Params = Readonly<Record<string, string>>

function onPaths(operation: Operation, attacker: Attacker): Attempt[] {
  return foreignPaths(operation, attacker).map((params) => attempt(operation, attacker, { foreign: 'path', params }))
}

function onHeaders(operation: Operation, attacker: Attacker): Attempt[] {
  const names = scopeHeaders[operation.endpoint.caller] ?? []
  const telling = attacker.foreignHeaders.filter((headers) => Object.keys(headers).some((name) => names.includes(name)))
  const paths = [...foreignPaths(operation, attacker), ...ownPaths(operation, attacker)]
  return telling.flatMap((headers) =>
    paths.map((params) => attempt(operation, attacker, { foreign: 'headers', params, headers })),
  )
}

// One field at a time, beside things of the attacker's own, and then all of them.
function onFields(operation: Operation, attacker: Attacker): Attempt[] {
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

// A change that names nothing foreign is the attacker's own business.
function onNothing(operation: Operation, attacker: Attacker): Attempt[] {
  if (splitRoute(operation.endpoint.route)[0] !== 'GET') return []
  return ownPaths(operation, attacker).map((params) => attempt(operation, attacker, { foreign: 'nothing', params }))
}

/** The paths with something foreign in them: all of it, and each part by itself beside the attacker's own. */
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

/** The declared parameters, and the `*` of a path that stands for others. */
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
  readonly foreign: Attempt['foreign']
  readonly params: Params
  readonly headers?: Readonly<Record<string, string>>
  readonly choose?: Choose
}

function attempt(
  operation: Operation,
  attacker: Attacker,
  { foreign, params, headers = {}, choose = () => undefined }: Aim,
): Attempt {
  const { endpoint } = operation
  // What a request can not do without is the attacker's own, unless it is what they try.
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

// A stream takes its scope from the query too: this is the way without headers.
function inQuery(headers: Readonly<Record<string, string>>, query: Record<string, string>) {
  const { 'x-org-id': orgId, 'x-app-id': appId, 'appstrate-user': endUser, authorization, ...rest } = headers
  const named = Object.entries({ orgId, appId, endUser, token: authorization?.replace('Bearer ', '') })
  const given = named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  return { headers: rest, query: { ...query, ...Object.fromEntries(given) } }
}

/** An upload. */
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
