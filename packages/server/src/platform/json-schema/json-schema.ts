import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { createContext, Script } from 'node:vm'
import type { InvalidPart } from '../problems/problem.ts'
import { pointerOf } from './json-pointer.ts'

/** A schema that a user wrote: any JSON Schema (draft 2020-12) object. */
export type JsonSchema = Readonly<Record<string, unknown>>

interface Compiled {
  readonly validate: ValidateFunction
  /**
   * True if a check may take long: by regular expressions, references that double, unique items, or loops over the
   * value.
   */
  readonly isSlow: boolean
}

/** The number of compiled schemas that are cached; the oldest is evicted first. */
const compiledMax = 500
const compiled = new Map<string, Compiled>()

const mistakesMax = 100
const checkLimitMs = 250
const compileLimitMs = 2_000
const slowKeywords = [
  'pattern',
  'patternProperties',
  String.raw`\$ref`,
  String.raw`\$dynamicRef`,
  'uniqueItems',
  'items',
  'contains',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'additionalProperties',
]
const slow = new RegExp(`"(?:${slowKeywords.join('|')})":(?!false)`)

/** All mistakes of a value against a user's schema, as JSON Pointers below `pointer`; empty when it is valid. */
export function checkAgainst(schema: JsonSchema, value: unknown, pointer: string): InvalidPart[] {
  try {
    const { validate, isSlow } = compile(schema)
    const isValid = isSlow ? within(checkLimitMs, () => validate(value)) : validate(value)
    return isValid === true
      ? []
      : (validate.errors ?? []).slice(0, mistakesMax).map((error) => toInvalidPart(pointer, error))
  } catch (error) {
    // Infinite recursion exhausts the stack. Regular expressions, doubling references and unique items exceed the time.
    if (error instanceof RangeError || isTimeout(error))
      return [{ pointer, message: 'cannot be checked: the schema takes too long', code: 'schema-too-slow' }]
    throw error
  }
}

/** The reason why a schema cannot be used, or undefined if it can. */
export function schemaMistake(schema: JsonSchema): string | undefined {
  try {
    compile(schema)
    return undefined
  } catch (error) {
    if (isTimeout(error)) return 'it takes too long to compile'
    return error instanceof Error ? error.message : 'is not a JSON Schema'
  }
}

function compile(schema: JsonSchema): Compiled {
  const key = JSON.stringify(schema)
  const known = compiled.get(key)
  if (known !== undefined) return known
  const oldest = compiled.size >= compiledMax ? compiled.keys().next().value : undefined
  if (oldest !== undefined) compiled.delete(oldest)
  // A separate instance, so that one user's schema cannot refer to another user's `$id`. References are not inlined:
  // otherwise a large part with a thousand references would be compiled a thousand times.
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true, logger: false, inlineRefs: false })
  addFormats.default(ajv)
  const validate = within(compileLimitMs, () => ajv.compile(schema))
  const entry = { validate, isSlow: slow.test(key) }
  compiled.set(key, entry)
  return entry
}

let task: () => unknown = () => undefined
const watched = createContext({ run: () => task() })
const runTask = new Script('run()')

// The timeout of node:vm aborts synchronous work, which other code in this thread cannot do.
function within<T>(limitMs: number, work: () => T): T {
  let outcome: { readonly value: T } | undefined
  task = () => void (outcome = { value: work() })
  runTask.runInContext(watched, { timeout: limitMs })
  if (outcome === undefined) throw new Error('The work ended without an outcome.')
  return outcome.value
}

function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}

function toInvalidPart(pointer: string, error: ErrorObject): InvalidPart {
  const message = error.keyword === 'required' ? 'is required' : (error.message ?? 'is not valid')
  return { pointer: `${pointer}${pointerOf(error)}`, message, code: error.keyword }
}
