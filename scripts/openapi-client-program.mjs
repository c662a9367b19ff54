const methods = ['get', 'put', 'post', 'delete', 'patch']

/** A program that calls every operation of the document through openapi-fetch, and the strict compiler settings for it. */
export function checkedClientProgram(document) {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method])
      .map((method) => ({ path, method, hasBody: Boolean(item[method].requestBody) })),
  )
  if (operations.length === 0) throw new Error('The OpenAPI document has no operation.')
  return { program: [...head, ...operations.map(call)].join('\n'), config }
}

const head = [
  "import createClient from 'openapi-fetch'",
  "import type { paths } from './client.ts'",
  "const client = createClient<paths>({ baseUrl: 'http://127.0.0.1' })",
  'type IsAny<T> = 0 extends 1 & T ? true : false',
  '// @ts-expect-error a path that does not exist: the types must not be any',
  "export const unknownPath = () => client.GET('/no/such/path')",
]

// Does not compile when parameters or body can't be given as the document types them, or when the answer has no type.
function call({ path, method, hasBody }, index) {
  const url = JSON.stringify(path)
  const operation = `paths[${url}]['${method}']`
  return [
    `declare const params${index}: ${operation}['parameters']`,
    hasBody &&
      `declare const body${index}: NonNullable<${operation}['requestBody']>['content'][keyof NonNullable<${operation}['requestBody']>['content']]`,
    `export async function call${index}() {`,
    `  const reply = await client.${method.toUpperCase()}(${url}, { params: params${index}${hasBody ? `, body: body${index}` : ''} })`,
    '  const answerIsAny: IsAny<typeof reply.data> = false',
    '  return { ...reply, answerIsAny }',
    '}',
  ]
    .filter(Boolean)
    .join('\n')
}

const config = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'dom', 'dom.iterable'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    types: [],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
  files: ['program.ts', 'client.ts'],
}

/** Turns redocly's JSON report into a step's result: any error or warning fails it, and so does a report that is none. */
export function readLintReport({ ok, stdout, output }) {
  try {
    const { totals, problems } = JSON.parse(stdout)
    const lines = problems.map(
      ({ severity, ruleId, message, location }) => `${severity} ${ruleId} ${location?.[0]?.pointer ?? ''}: ${message}`,
    )
    return { ok: ok && totals.errors === 0 && totals.warnings === 0, output: lines.join('\n') || output }
  } catch {
    return { ok: false, output }
  }
}
