import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { escapePointer, shortPointer } from '../../../platform/json-schema/json-pointer.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import type { SchemaChecks } from '../../../platform/json-schema/schema-checks.ts'

/** Largest JSON Schema of an agent, as JSON text. */
const schemaBytesMax = 65_536
const schemaDepthMax = 64
const mistakesMax = 100
const draft = 'https://json-schema.org/draft/2020-12/schema'
/** Keywords whose values are data and contain no references. */
const dataKeywords = new Set(['const', 'enum', 'default', 'examples'])

/** Whose schema it is, and where it is checked. */
export interface SchemaOwner {
  readonly checks: SchemaChecks
  readonly organizationId: string
}

/**
 * The mistakes in the schema of an agent's input or output; empty when runs can be checked against it. Throws
 * `rate-limited` when too many schema checks of the organization wait.
 */
export async function findSchemaMistakes(
  { checks, organizationId }: SchemaOwner,
  schema: JsonSchema,
  pointer: string,
): Promise<InvalidPart[]> {
  const mistakes = findForbidden(schema, pointer)
  if (mistakes.length > 0) return mistakes
  const reason = await checks.findMistake(organizationId, schema)
  return reason === undefined ? [] : [mistake(pointer, `is not a usable JSON Schema: ${reason}`, 'schema')]
}

function findForbidden(schema: JsonSchema, pointer: string): InvalidPart[] {
  if (isTooDeep(schema))
    return [mistake(pointer, `must not be nested deeper than ${schemaDepthMax} levels`, 'maxDepth')]
  // Before the search, because each of its mistakes has a pointer, which can be as long as the schema.
  if (Buffer.byteLength(JSON.stringify(schema)) > schemaBytesMax)
    return [mistake(pointer, `must not be larger than ${schemaBytesMax} bytes`, 'maxBytes')]
  const isObject = schema['type'] === 'object'
  const mistakes = isObject ? [] : [mistake(`${pointer}/type`, 'must be "object"', 'const')]
  return [...mistakes, ...findForbiddenKeywords(schema, pointer).slice(0, mistakesMax - mistakes.length)]
}

// Not recursive: the schema could be nested so deeply that recursion exhausts the stack.
function isTooDeep(schema: JsonSchema): boolean {
  const queue: { value: unknown; depth: number }[] = [{ value: schema, depth: 1 }]
  for (let visit = queue.pop(); visit !== undefined; visit = queue.pop()) {
    const { value, depth } = visit
    if (typeof value !== 'object' || value === null) continue
    if (depth > schemaDepthMax) return true
    for (const child of Object.values(value)) queue.push({ value: child, depth: depth + 1 })
  }
  return false
}

interface Visit {
  readonly value: unknown
  readonly pointer: string
  /** Below a keyword whose value is data. */
  readonly isData: boolean
}

function findForbiddenKeywords(schema: JsonSchema, pointer: string): InvalidPart[] {
  const mistakes: InvalidPart[] = []
  const queue: Visit[] = [{ value: schema, pointer, isData: false }]
  for (let visit = queue.pop(); visit !== undefined && mistakes.length < mistakesMax; visit = queue.pop()) {
    const { value, isData } = visit
    if (typeof value !== 'object' || value === null) continue
    for (const [key, child] of Object.entries(value)) {
      const childPointer = `${visit.pointer}/${escapePointer(key)}`
      if (!isData) mistakes.push(...findForbiddenKeyword(key, child, childPointer))
      queue.push({ value: child, pointer: childPointer, isData: isData || dataKeywords.has(key) })
    }
  }
  return mistakes
}

function findForbiddenKeyword(key: string, value: unknown, pointer: string): InvalidPart[] {
  const isReference = (key === '$ref' || key === '$dynamicRef') && typeof value === 'string'
  if (isReference && !value.startsWith('#'))
    return [mistake(pointer, 'must refer to a part of the same schema (#…): references are not fetched', 'reference')]
  if (key === '$schema' && typeof value === 'string' && value.replace(/#$/, '') !== draft)
    return [mistake(pointer, `must be ${draft}`, 'const')]
  // An asynchronous validator returns a promise, which is truthy and would count as "valid".
  return key === '$async' && typeof value === 'boolean'
    ? [mistake(pointer, 'is not a JSON Schema keyword', 'additionalProperties')]
    : []
}

function mistake(pointer: string, message: string, code: string): InvalidPart {
  return { pointer: shortPointer(pointer), message, code }
}
