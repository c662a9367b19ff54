import { problem, type ProblemCode, type ProblemOptions } from './problem.ts'

/** The value that a `find…` function returned; throws the problem of `code` when it returned undefined. */
export function foundOr<T>(value: T | undefined, code: ProblemCode, options?: ProblemOptions): T {
  if (value === undefined) throw problem(code, options)
  return value
}
