/** A row of the problem catalogue; `type` in the reply is `https://appstrate.dev/errors/<code>`. */
export interface ProblemRow {
  readonly status: number
  readonly title: string
}

/** One mistake in a request: a JSON Pointer into the body, or `query/…`, `header/…`, `path/…`. */
export interface InvalidPart {
  readonly pointer: string
  readonly message: string
  readonly code: string
}

export interface ProblemOptions {
  /** What the caller is told: what is wrong and what to do. Never internal. */
  readonly detail?: string
  readonly errors?: readonly InvalidPart[]
  /** Members added to the reply, RFC 9457 section 3.2. */
  readonly extensions?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** What the log is told in addition. */
  readonly internal?: Readonly<Record<string, unknown>>
}

const catalogue = new Map<string, ProblemRow>()

/** Adds rows to the closed catalogue. Throws at start when a code is defined twice. */
export function problems<const T extends Record<string, ProblemRow>>(rows: T): T {
  for (const [code, row] of Object.entries(rows)) {
    if (catalogue.has(code)) throw new Error(`The problem code ${code} is defined twice.`)
    catalogue.set(code, row)
  }
  return rows
}

/** Every code with its row, sorted; docs and OpenAPI are generated from it. */
export function listProblems(): readonly (readonly [string, ProblemRow])[] {
  return [...catalogue].sort(([a], [b]) => a.localeCompare(b))
}

/** A failure that is part of the API: becomes an `application/problem+json` reply (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly row: ProblemRow
  readonly options: ProblemOptions

  constructor(code: string, row: ProblemRow, options: ProblemOptions) {
    super(options.detail ?? row.title)
    this.code = code
    this.row = row
    this.options = options
  }
}

/** The problem of a catalogued code, to be thrown. Throws an Error when the code is not in the catalogue. */
export function problem(code: string, options: ProblemOptions = {}): Problem {
  const row = catalogue.get(code)
  if (row === undefined) throw new Error(`The problem code ${code} is not in the catalogue.`)
  return new Problem(code, row, options)
}

/** The row of a code; throws when it is not in the catalogue. */
export function problemRow(code: string): ProblemRow {
  return problem(code).row
}
