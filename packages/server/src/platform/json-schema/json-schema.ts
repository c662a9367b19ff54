import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { createContext, Script } from 'node:vm'
import type { InvalidPart } from '../http/problem.ts'
import { pointerOf } from './json-pointer.ts'

/** A schema that a user wrote: any JSON Schema (draft 2020-12) object. */
export type JsonSchema = Readonly<Record<string, unknown>>

interface Compiled {
  readonly validate: ValidateFunction
  /** The schema has regular expressions of its author's, which can take forever. */
  readonly isSlow: boolean
}

/** Compiled schemas kept at a time; the first compiled goes first. */
const compiledMax = 500
const compiled = new Map<string, Compiled>()

const mistakesMax = 100
const slowLimitMs = 250

/** All mistakes of a value against a user's schema, as JSON Pointers below `pointer`; empty when it is valid. */
export function checkAgainst(schema: JsonSchema, value: unknown, pointer: string): InvalidPart[] {
  try {
    const { validate, isSlow } = compile(schema)
    const isValid = isSlow ? validateInTime(validate, value) : validate(value)
    return isValid ? [] : (validate.errors ?? []).slice(0, mistakesMax).map((error) => toInvalidPart(pointer, error))
  } catch (error) {
    // A schema that refers to itself without end exhausts the stack; a regular expression, its time.
    if (error instanceof RangeError || isTimeout(error)) return [{ pointer, message: 'can not be checked: the schema takes too long on it', code: 'schema-too-slow' }]
    throw error
  }
}

/** Why a schema can't be used, or undefined when it can. */
export function schemaMistake(schema: JsonSchema): string | undefined {
  try {
    compile(schema)
    return undefined
  } catch (error) {
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
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true, logger: false })
  addFormats.default(ajv)
  const entry = { validate: ajv.compile(schema), isSlow: /"pattern(Properties)?":/.test(key) }
  compiled.set(key, entry)
  return entry
}

const callInContext = new Script('check()')

// The engine's own watchdog ends a run-away match, which nothing in this thread could.
function validateInTime(validate: ValidateFunction, value: unknown): boolean {
  const outcome: unknown = callInContext.runInContext(createContext({ check: () => validate(value) }), { timeout: slowLimitMs })
  return outcome === true
}

function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}

function toInvalidPart(pointer: string, error: ErrorObject): InvalidPart {
  const message = error.keyword === 'required' ? 'is required' : (error.message ?? 'is not valid')
  return { pointer: `${pointer}${pointerOf(error)}`, message, code: error.keyword }
}
