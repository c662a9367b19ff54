import type { TProperties } from 'typebox'
import { Type } from 'typebox'
import type { Operation } from '../../platform/http/api.ts'
import { bodyValidator, queryValidator } from '../../platform/http/validation.ts'
import { exampleBodies, exampleTexts, notWireIds } from './examples.ts'

/** A field in a body or query that takes a wire id. */
export interface IdField {
  readonly in: 'body' | 'query'
  /** For example `/files/0` or `/agentId`. */
  readonly path: string
  readonly prefixes: readonly string[]
  readonly isRequired: boolean
}

/** Chooses the id for a field; undefined omits an optional field. */
export type Choose = (field: IdField) => string | undefined

/** Every field in the operation's body and query that takes a wire id. */
export function listIdFields(operation: Operation): IdField[] {
  const found: IdField[] = []
  const { body, bodyKind, query } = operation.endpoint
  const visit = (where: IdField['in']) => (field: Omit<IdField, 'in'>) => void found.push({ in: where, ...field })
  if (body !== undefined && bodyKind !== 'multipart')
    walk(body, { operation, visit: visit('body') }, { path: '', isRequired: true })
  if (query !== undefined)
    walk(Type.Object(query), { operation, visit: visit('query') }, { path: '', isRequired: true })
  return found
}

/** A valid body with the chosen ids; undefined if the operation has none. Throws if it cannot generate one. */
export function exampleBody(operation: Operation, choose: Choose): unknown {
  const { body, bodyKind } = operation.endpoint
  if (body === undefined || bodyKind === 'multipart') return undefined
  const built = build(body, { operation, in: 'body', choose }, { path: '', isRequired: true })
  const whole = typeof built === 'object' && built !== null ? { ...built, ...exampleBodies[operation.id] } : built
  refuseMistakes(operation, 'exampleBodies', bodyValidator(body).check(whole, JSON.stringify(whole).length))
  return whole
}

/** A valid query with the chosen ids. */
export function exampleQuery(operation: Operation, choose: Choose): Record<string, string> {
  const query: TProperties = operation.endpoint.query ?? {}
  const built = build(Type.Object(query), { operation, in: 'query', choose }, { path: '', isRequired: true })
  const entries = Object.entries(built ?? {}).map(([name, value]) => [
    name,
    String(Array.isArray(value) ? value[0] : value),
  ])
  refuseMistakes(operation, 'exampleTexts', queryValidator(query).check({ ...Object.fromEntries(entries) }))
  return Object.fromEntries(entries)
}

function refuseMistakes(
  operation: Operation,
  where: string,
  mistakes: readonly { pointer: string; message: string }[],
): void {
  if (mistakes.length === 0) return
  const listed = mistakes.map(({ pointer, message }) => `${pointer} ${message}`).join('; ')
  throw new Error(
    `No valid request of ${operation.id} could be generated (${listed}): ` +
      `add an example to ${where} in testing/isolation/examples.ts.`,
  )
}

interface Place {
  readonly path: string
  readonly isRequired: boolean
}

interface Walk {
  readonly operation: Operation
  readonly visit: (field: Omit<IdField, 'in'>) => void
}

function walk(schema: unknown, context: Walk, place: Place): void {
  const prefixes = prefixesOf(schema, place.path, context.operation)
  if (prefixes.length > 0) return context.visit({ ...place, prefixes })
  const required = listOf(read(schema, 'required'))
  for (const [name, child] of entriesOf(read(schema, 'properties'))) {
    walk(child, context, { path: `${place.path}/${name}`, isRequired: place.isRequired && required.includes(name) })
  }
  const items = read(schema, 'items')
  if (items !== undefined)
    walk(items, context, {
      path: `${place.path}/0`,
      isRequired: place.isRequired && Number(read(schema, 'minItems') ?? 0) > 0,
    })
  for (const branch of listOf(read(schema, 'anyOf'))) walk(branch, context, place)
}

/** The prefixes of the ids that a field takes, from its pattern or its description. */
function prefixesOf(schema: unknown, path: string, operation: Operation): string[] {
  const pattern = /^\^\(?\??:?([a-z]+)_\[0-7\]/.exec(textOf(schema, 'pattern'))?.[1]
  if (pattern !== undefined) return [pattern]
  if (typeOf(schema) !== 'string') return []
  const name = nameOf(path)
  const described = [...textOf(schema, 'description').matchAll(/`([a-z]{2,5})_…`/g)].map((match) => match[1] ?? '')
  if (described.length > 0) return described
  if (name === 'agentId') return ['agent']
  if (/(Id|Ids)$/.test(name) && !notWireIds.has(name) && !notWireIds.has(`${operation.id}.${name}`)) {
    throw new Error(
      `${operation.id} takes ${path} as a plain string: use WireId, name the prefix in its description, ` +
        'or add it to notWireIds in testing/isolation/examples.ts.',
    )
  }
  return []
}

interface Build {
  readonly operation: Operation
  readonly in: IdField['in']
  readonly choose: Choose
}

function build(schema: unknown, context: Build, place: Place): unknown {
  const prefixes = prefixesOf(schema, place.path, context.operation)
  if (prefixes.length > 0) return context.choose({ in: context.in, ...place, prefixes })
  const properties = read(schema, 'properties')
  if (properties !== undefined) return buildObject(schema, context, place)
  const items = read(schema, 'items')
  if (items !== undefined) {
    const item = build(items, context, {
      path: `${place.path}/0`,
      isRequired: place.isRequired && Number(read(schema, 'minItems') ?? 0) > 0,
    })
    return item === undefined ? undefined : [item]
  }
  const [branch] = listOf(read(schema, 'anyOf'))
  return branch === undefined ? exampleValue(schema, place.path) : build(branch, context, place)
}

function buildObject(schema: unknown, context: Build, place: Place): unknown {
  const required = listOf(read(schema, 'required'))
  const built: Record<string, unknown> = {}
  for (const [name, child] of entriesOf(read(schema, 'properties'))) {
    const isRequired = place.isRequired && required.includes(name)
    const inner: Place = { path: `${place.path}/${name}`, isRequired }
    if (!isRequired && !required.includes(name) && !holdsChosen(child, context, inner)) continue
    const value = build(child, context, inner)
    if (value !== undefined) built[name] = value
  }
  return Object.keys(built).length === 0 && place.path === '' && context.in === 'body'
    ? firstChange(schema, context)
    : built
}

// An empty change would prove little, so it gets one field.
function firstChange(schema: unknown, context: Build): Record<string, unknown> {
  for (const [name, child] of entriesOf(read(schema, 'properties'))) {
    const value = build(child, context, { path: `/${name}`, isRequired: false })
    if (value !== undefined) return { [name]: value }
  }
  return {}
}

function holdsChosen(schema: unknown, { operation, in: where, choose }: Build, place: Place): boolean {
  let isChosen = false
  walk(schema, { operation, visit: (field) => (isChosen ||= choose({ in: where, ...field }) !== undefined) }, place)
  return isChosen
}

function exampleValue(schema: unknown, path: string): unknown {
  const given = [
    exampleTexts[nameOf(path)],
    read(schema, 'const'),
    listOf(read(schema, 'enum'))[0],
    listOf(read(schema, 'examples'))[0],
  ]
  return given.find((each) => each !== undefined) ?? valueOfType(schema)
}

function valueOfType(schema: unknown): unknown {
  const type = typeOf(schema)
  if (type === 'string') return byFormat[textOf(schema, 'format')] ?? 'tried-by-a-stranger'
  if (type === 'integer' || type === 'number') return read(schema, 'minimum') ?? 1
  return type === 'boolean' ? true : {}
}

const byFormat: Readonly<Record<string, string>> = {
  email: 'stranger@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  'date-time': '2026-01-01T00:00:00.000Z',
  date: '2026-01-01',
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function textOf(schema: unknown, key: string): string {
  const value = read(schema, key)
  return typeof value === 'string' ? value : ''
}

/** The first type of a schema: the one that is not null. */
function typeOf(schema: unknown): unknown {
  return listOf(read(schema, 'type'))[0] ?? read(schema, 'type')
}

/** `/files/0` → `files`. */
function nameOf(path: string): string {
  return path.split('/').findLast((part) => part !== '0') ?? ''
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
