import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { InvalidPart } from '../problems/problem.ts'
import { pointerOf, shortPointer } from './json-pointer.ts'
import type { JsonSchema } from './json-schema.ts'

const mistakesMax = 100
const messageLengthMax = 500

/**
 * Compiles a schema (draft 2020-12). With `allErrors` the validator looks for all mistakes, else it ends at the first.
 * Throws an error that says why the schema cannot be used.
 */
export function compileSchema(schema: JsonSchema, { allErrors }: { allErrors: boolean }): ValidateFunction {
  // A separate instance, so that one user's schema cannot refer to another user's `$id`. References are not inlined:
  // otherwise a large part with a thousand references would be compiled a thousand times.
  const ajv = new Ajv2020({ allErrors, strict: false, validateFormats: true, logger: false, inlineRefs: false })
  addFormats.default(ajv)
  return ajv.compile(schema)
}

/** The mistakes that the last call of `validate` found, at most 100, as JSON Pointers below `pointer`. */
export function mistakesOf(validate: ValidateFunction, pointer: string): InvalidPart[] {
  return (validate.errors ?? []).slice(0, mistakesMax).map((error) => toInvalidPart(pointer, error))
}

/** A message, cut at 500 characters: messages quote the schema. */
export function shortMessage(text: string): string {
  return text.length > messageLengthMax ? `${text.slice(0, messageLengthMax)}…` : text
}

function toInvalidPart(pointer: string, error: ErrorObject): InvalidPart {
  const message = error.keyword === 'required' ? 'is required' : (error.message ?? 'is not valid')
  return {
    pointer: `${pointer}${shortPointer(pointerOf(error))}`,
    message: shortMessage(message),
    code: error.keyword,
  }
}
