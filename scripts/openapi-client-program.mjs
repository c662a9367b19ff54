import { listOf, recordOf } from './json-value.mjs'

const methods = ['get', 'put', 'post', 'delete', 'patch']

/** @typedef {{ path: string, method: string, hasBody: boolean }} Operation */

/**
 * A program that calls every operation of the document through openapi-fetch, and strict compiler settings for it.
 * @param {unknown} document
 */
export function checkedClientProgram(document) {
  const paths = Object.entries(recordOf(recordOf(document)['paths']))
  const operations = paths.flatMap(([path, item]) => operationsOf(path, recordOf(item)))
  if (operations.length === 0) throw new Error('The OpenAPI document has no operation.')
  return { program: [...head, ...operations.map(call)].join('\n'), config }
}

/**
 * @param {string} path
 * @param {import('./json-value.mjs').JsonRecord} item
 * @returns {Operation[]}
 */
function operationsOf(path, item) {
  return methods
    .filter((method) => item[method])
    .map((method) => ({ path, method, hasBody: Boolean(recordOf(item[method])['requestBody']) }))
}

const head = [
  "import createClient from 'openapi-fetch'",
  "import type { paths } from './client.ts'",
  "const client = createClient<paths>({ baseUrl: 'http://127.0.0.1' })",
  'type IsAny<T> = 0 extends 1 & T ? true : false',
  '// @ts-expect-error a path that does not exist: the types must not be any',
  "export const unknownPath = () => client.GET('/no/such/path')",
]

/**
 * Does not compile if the call rejects parameters or a body of the document's types, or if the reply's type is any.
 * @param {Operation} operation
 * @param {number} index
 */
function call({ path, method, hasBody }, index) {
  const url = JSON.stringify(path)
  const operation = `paths[${url}]['${method}']`
  const options = hasBody ? `{ params: params${index}, body: body${index} }` : `{ params: params${index} }`
  return [
    `declare const params${index}: ${operation}['parameters']`,
    ...(hasBody ? [`type Body${index} = NonNullable<${operation}['requestBody']>['content']`] : []),
    ...(hasBody ? [`declare const body${index}: Body${index}[keyof Body${index}]`] : []),
    `export async function call${index}() {`,
    `  const reply = await client.${method.toUpperCase()}(${url}, ${options})`,
    '  const answerIsAny: IsAny<typeof reply.data> = false',
    '  return { ...reply, answerIsAny }',
    '}',
  ].join('\n')
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

/**
 * Turns redocly's JSON report into a step's result. An error, a warning or an unreadable report fails the step.
 * @param {{ ok: boolean, stdout: string, output: string }} step
 */
export function readLintReport({ ok, stdout, output }) {
  try {
    const report = recordOf(JSON.parse(stdout))
    const totals = recordOf(report['totals'])
    const lines = listOf(report['problems']).map((problem) => describeProblem(recordOf(problem)))
    return { ok: ok && totals['errors'] === 0 && totals['warnings'] === 0, output: lines.join('\n') || output }
  } catch {
    return { ok: false, output }
  }
}

/** @param {import('./json-value.mjs').JsonRecord} problem */
function describeProblem({ severity, ruleId, message, location }) {
  const { pointer = '' } = recordOf(listOf(location)[0])
  return `${severity} ${ruleId} ${pointer}: ${message}`
}
