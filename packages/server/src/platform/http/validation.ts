import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { Type, type TProperties, type TSchema } from 'typebox'
import { bodyBytesDefault } from './endpoint.ts'
import { problem, type InvalidPart } from '../problems/problem.ts'
import { pointerOf } from '../json-schema/json-pointer.ts'

// Bodies are not coerced. Query and path values arrive as text, so numbers and booleans are parsed from it.
const options = { allErrors: true, strict: false, useDefaults: false } as const
const bodyAjv = withFormats(new Ajv(options))
const firstMistakeAjv = withFormats(new Ajv({ ...options, allErrors: false }))
const textAjv = withFormats(new Ajv({ ...options, coerceTypes: true }))

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv)
  return ajv
}

/** The most mistakes in one reply. */
const errorsMax = 100
/** Clients choose the names in a pointer: mistakes below a long name must not multiply its length in the reply. */
const pointerLengthMax = 1_000

export type RequestPart = 'body' | 'query'

export interface PartValidator {
  readonly part: RequestPart
  /** All mistakes of a value, empty when it is valid. A query is coerced in place. */
  check(value: unknown): InvalidPart[]
}

/** Larger bodies report only their first mistake: half a million mistakes would cost 100 MB and block the process. */
const reportAllBytesMax = bodyBytesDefault

/** Compiles the validator of a request body. Unknown fields are refused wherever the schema has an object. */
export function bodyValidator(schema: TSchema): { check(value: unknown, sizeBytes: number): InvalidPart[] } {
  const strict = closed(schema)
  const all = partValidator('body', bodyAjv.compile(strict))
  let first: PartValidator | undefined
  return {
    check(value, sizeBytes) {
      if (sizeBytes <= reportAllBytesMax) return all.check(value)
      first ??= partValidator('body', firstMistakeAjv.compile(strict))
      return first.check(value)
    },
  }
}

/** Compiles the validator of a query string. Unknown parameters are refused. */
export function queryValidator(properties: TProperties): PartValidator {
  return partValidator('query', textAjv.compile(Type.Object(properties, { additionalProperties: false })))
}

/** Throws `validation-error` with all mistakes, if there are any. */
export function refuseInvalid(errors: readonly InvalidPart[]): void {
  const [first] = errors
  if (first === undefined) return
  const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more: see errors)`
  const where = first.pointer === '' ? 'The body' : `'${cut(first.pointer.replace(/^\//, ''), 100)}'`
  throw problem('validation-error', { detail: `${where} ${first.message}${more}.`, errors: errors.slice(0, errorsMax) })
}

function partValidator(part: RequestPart, validate: ValidateFunction): PartValidator {
  return {
    part,
    check(value) {
      if (value === undefined && part === 'body') return [{ pointer: '', message: 'is required', code: 'required' }]
      return validate(value) ? [] : causesOf(validate.errors ?? []).map((error) => toInvalidPart(part, error))
    },
  }
}

// A union reports each branch and then itself; only the branches name the mistake.
function causesOf(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const causes = errors.filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf' && keyword !== 'if')
  return causes.length === 0 ? errors : causes
}

function toInvalidPart(part: RequestPart, error: ErrorObject): InvalidPart {
  const path = cut(pointerOf(error), pointerLengthMax)
  return { pointer: part === 'body' ? path : `${part}${path}`, message: messageOf(error), code: error.keyword }
}

function messageOf(error: ErrorObject): string {
  const params: Record<string, unknown> = error.params
  switch (error.keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not a known field'
    case 'const':
      return `must be ${JSON.stringify(params['allowedValue'])}`
    case 'enum':
      return `must be one of ${JSON.stringify(params['allowedValues'])}`
    default:
      return error.message ?? 'is not valid'
  }
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`
}

/**
 * The schema with every object closed, at any depth, unless it declares `additionalProperties`.
 * Parts of an intersection stay open: each sees the fields of the others.
 */
function closed(schema: TSchema): TSchema {
  const inner: Record<string, unknown> = { ...schema }
  for (const [keyword, close] of Object.entries(nested)) {
    if (keyword in inner) inner[keyword] = close(inner[keyword])
  }
  return 'properties' in inner && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner
}

const closeOne = (schema: unknown): unknown => (isSchema(schema) ? closed(schema) : schema)
const closeList = (schemas: unknown): unknown => (Array.isArray(schemas) ? schemas.map(closeOne) : closeOne(schemas))
const closeMap = (schemas: unknown): unknown =>
  isSchema(schemas)
    ? Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, closeOne(schema)]))
    : schemas

const nested: Readonly<Record<string, (schemas: unknown) => unknown>> = {
  properties: closeMap,
  patternProperties: closeMap,
  $defs: closeMap,
  additionalProperties: closeOne,
  items: closeList,
  anyOf: closeList,
  oneOf: closeList,
}

function isSchema(value: unknown): value is TSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
