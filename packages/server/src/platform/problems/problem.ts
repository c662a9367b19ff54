import type { ProblemCatalogue } from '../vocabulary/vocabulary.ts'

/** A row of the problem catalogue; `type` in the reply is `https://appstrate.dev/errors/<code>`. */
export interface ProblemRow {
  readonly status: number
  readonly title: string
}

/** The problems that a feature declares, by their codes. */
export type ProblemRows = Readonly<Record<string, ProblemRow>>

/** The code of a declared problem; a misspelt one does not compile. */
export type ProblemCode = keyof ProblemCatalogue

/** Every code of the running product with its row. */
export type ProblemTable = ReadonlyMap<string, ProblemRow>

/** One mistake in a request: a JSON Pointer into the body, or `query/…`, `header/…`, `path/…`. */
export interface InvalidPart {
  readonly pointer: string
  readonly message: string
  readonly code: string
}

export interface ProblemOptions {
  /** For the caller: what is wrong and what to do. Never internal. */
  readonly detail?: string
  readonly errors?: readonly InvalidPart[]
  /** Members added to the reply, RFC 9457 section 3.2. */
  readonly extensions?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** The cause of a server error is in the log already, once for many requests. */
  readonly isReported?: true
  /** Further fields for the log. */
  readonly internal?: Readonly<Record<string, unknown>>
}

/** A failure that is part of the API: becomes an `application/problem+json` reply (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly options: ProblemOptions

  constructor(code: ProblemCode, options: ProblemOptions) {
    super(options.detail ?? code)
    this.code = code
    this.options = options
  }
}

/** The problem of a code, to be thrown. */
export function problem(code: ProblemCode, options: ProblemOptions = {}): Problem {
  return new Problem(code, options)
}

/** Every code with its row, sorted; docs and OpenAPI are generated from it. */
export function listProblems(table: ProblemTable): readonly (readonly [string, ProblemRow])[] {
  return [...table].sort(([a], [b]) => a.localeCompare(b))
}

/** The row of a code; throws when no running feature declares it. */
export function problemRow(table: ProblemTable, code: string): ProblemRow {
  const row = table.get(code)
  if (row === undefined) throw new Error(`No feature declares the problem code ${code}.`)
  return row
}
