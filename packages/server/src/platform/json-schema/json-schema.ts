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
  /** The schema's author decides how long a check takes: by regular expressions, references that double, unique items, loops over the value. */
  readonly isSlow: boolean
}

/** Compiled schemas kept at a time; the first compiled goes first. */
const compiledMax = 500
const compiled = new Map<string, Compiled>()

const mistakesMax = 100
const checkLimitMs = 250
const compileLimitMs = 2_000
const slow =
  /"(?:pattern|patternProperties|\$ref|\$dynamicRef|uniqueItems|items|contains|propertyNames|unevaluatedItems|unevaluatedProperties|additionalProperties)":(?!false)/

/** All mistakes of a value against a user's schema, as JSON Pointers below `pointer`; empty when it is valid. */
export function checkAgainst(schema: JsonSchema, value: unknown, pointer: string): InvalidPart[] {
  try {
    const { validate, isSlow } = compile(schema)
    const isValid = isSlow ? within(checkLimitMs, () => validate(value)) : validate(value)
    return isValid === true
      ? []
      : (validate.errors ?? []).slice(0, mistakesMax).map((error) => toInvalidPart(pointer, error))
  } catch (error) {
    // A schema that refers to itself without end exhausts the stack; a regular expression, references that double and unique items, its time.
    if (error instanceof RangeError || isTimeout(error))
      return [{ pointer, message: 'can not be checked: the schema takes too long on it', code: 'schema-too-slow' }]
    throw error
  }
}

/** Why a schema can't be used, or undefined when it can. */
export function schemaMistake(schema: JsonSchema): string | undefined {
  try {
    compile(schema)
    return undefined
  } catch (error) {
    if (isTimeout(error)) return 'it takes too long to read'
    return error instanceof Error ? error.message : 'is not a JSON Schema'
  }
}

function compile(schema: JsonSchema): Compiled {
  const key = JSON.stringify(schema)
  const known = compiled.get(key)
  if (known !== undefined) return known
  const oldest = compiled.size >= compiledMax ? compiled.keys().next().value : undefined
  if (oldest !== undefined) compiled.delete(oldest)
  // An instance each, so that one user's `$id` can't be referred to from another's schema.
  // References are called, not copied in: a large part that is referred to a thousand times would be compiled as often.
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

// The engine's own watchdog ends what takes too long, which nothing in this thread could.
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
