import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { schemaMistake, type JsonSchema } from '../../../platform/json-schema/json-schema.ts'

/** Largest JSON Schema of an agent, as JSON text. */
const schemaBytesMax = 65_536
const schemaDepthMax = 64
const draft = 'https://json-schema.org/draft/2020-12/schema'
/** Keywords whose values are data and contain no references. */
const dataKeywords = new Set(['const', 'enum', 'default', 'examples'])

/** The mistakes in the schema of an agent's input or output; empty when runs can be checked against it. */
export function findSchemaMistakes(schema: JsonSchema, pointer: string): InvalidPart[] {
  const mistakes = findForbidden(schema, pointer)
  if (mistakes.length > 0) return mistakes
  if (Buffer.byteLength(JSON.stringify(schema)) > schemaBytesMax)
    return [mistake(pointer, `must not be larger than ${schemaBytesMax} bytes`, 'maxBytes')]
  const reason = schemaMistake(schema)
  return reason === undefined ? [] : [mistake(pointer, `is not a usable JSON Schema: ${reason}`, 'schema')]
}

interface Visit {
  readonly value: unknown
  readonly pointer: string
  readonly depth: number
  /** Below a keyword whose value is data. */
  readonly isData: boolean
}

// Not recursive: the depth is not checked yet and could overflow the stack.
function findForbidden(schema: JsonSchema, pointer: string): InvalidPart[] {
  const mistakes: InvalidPart[] = []
  if (schema['type'] !== 'object') mistakes.push(mistake(`${pointer}/type`, 'must be "object"', 'const'))
  const queue: Visit[] = [{ value: schema, pointer, depth: 1, isData: false }]
  for (let visit = queue.pop(); visit !== undefined; visit = queue.pop()) {
    const { value, depth, isData } = visit
    if (typeof value !== 'object' || value === null) continue
    if (depth > schemaDepthMax)
      return [mistake(pointer, `must not be nested deeper than ${schemaDepthMax} levels`, 'maxDepth')]
    for (const [key, child] of Object.entries(value)) {
      const childPointer = `${visit.pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (!isData) mistakes.push(...findForbiddenKeyword(key, child, childPointer))
      queue.push({ value: child, pointer: childPointer, depth: depth + 1, isData: isData || dataKeywords.has(key) })
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
  return { pointer, message, code }
}
