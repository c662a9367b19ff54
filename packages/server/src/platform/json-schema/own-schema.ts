import type { ValidateFunction } from 'ajv'
import type { InvalidPart } from '../problems/problem.ts'
import { compileSchema, mistakesOf } from './compile-schema.ts'

const compiled = new WeakMap<object, ValidateFunction>()

/**
 * All mistakes of a value against a schema of the server's own code, whose top level has no other fields than its
 * properties. Never for a schema that a user wrote: the check has no time limit.
 */
export function checkOwn(schema: object, value: unknown): InvalidPart[] {
  const validate =
    compiled.get(schema) ?? compileSchema({ ...schema, additionalProperties: false }, { allErrors: true })
  compiled.set(schema, validate)
  return validate(value) ? [] : mistakesOf(validate, '')
}
