// `npm run check`: every check except the tests. Prints one line per step, and the whole output of a failed step.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled } from './ensure-installed.mjs'
import { checkedClientProgram, readLintReport } from './openapi-client-program.mjs'
import { pinnedNode, root } from './pinned-node.mjs'

/** @typedef {{ ok: boolean, output: string }} Result */
/** @typedef {Result & { stdout: string }} ProgramResult */
/** @typedef {{ name: string, unless?: string | undefined, run: () => Promise<Result> }} Step */

const memoryPerStepBytes = 1.5 * 1024 ** 3
const stepLimitMs = 15 * 60_000
const only = process.argv.slice(2)
const modules = join(root, 'node_modules')
const printOpenApi = 'packages/server/src/processes/print-openapi.ts'
const generate = 'scripts/generate.ts'
const openapiFile = '.cache/openapi.json'

/**
 * The longest first, so that two cores finish at about the same time.
 * @type {readonly Step[]}
 */
const steps = [
  { name: 'lint', run: () => tool('eslint/bin/eslint.js', '.', '--max-warnings=0') },
  { name: 'types', run: () => tool('typescript/bin/tsc', '-p', 'tsconfig.json') },
  { name: 'openapi', unless: missing(printOpenApi), run: openapi },
  { name: 'format', run: () => tool('@biomejs/biome/bin/biome', 'format') },
  { name: 'dead code', run: () => tool('knip/bin/knip.js', '--no-config-hints', '--no-progress') },
  { name: 'generated files', unless: missing(generate), run: () => node(generate, '--check') },
]

await ensureInstalled()
process.chdir(root)
mkdirSync('.cache', { recursive: true })
const failed = await runAll(steps.filter(({ name }) => only.length === 0 || only.includes(name)))
process.exit(failed === 0 ? 0 : 1)

/** @param {readonly Step[]} queue */
async function runAll(queue) {
  const waiting = [...queue]
  const width = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / memoryPerStepBytes)))
  let failures = 0
  async function lane() {
    for (let step = waiting.shift(); step; step = waiting.shift()) if (!(await report(step))) failures += 1
  }
  await Promise.all(Array.from({ length: width }, lane))
  return failures
}

/** @param {Step} step */
async function report({ name, unless, run }) {
  if (unless) return say(`- ${name}: nothing to check yet (${unless})`)
  const startedAt = Date.now()
  const { ok, output } = await run()
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  say(ok ? `✓ ${name} (${seconds} s)` : `✗ ${name} (${seconds} s)\n${output.trimEnd()}\n`)
  return ok
}

/**
 * Lints the OpenAPI document, and compiles a client generated from it together with a program that uses the client.
 * @returns {Promise<Result>}
 */
async function openapi() {
  const printed = await node(printOpenApi)
  if (!printed.ok) return printed
  writeFileSync(openapiFile, printed.stdout)
  const lint = readLintReport(
    await tool(
      '@redocly/cli/bin/cli.js',
      'lint',
      openapiFile,
      '--format=json',
      '--config=redocly.yaml',
      '--max-problems=1000',
    ),
  )
  const generated = await tool('openapi-typescript/bin/cli.js', openapiFile, '-o', '.cache/client/client.ts')
  const client = generated.ok ? await compileClient() : generated
  return {
    ok: lint.ok && client.ok,
    output: [lint, client]
      .filter(({ ok }) => !ok)
      .map(({ output }) => output)
      .join('\n'),
  }
}

function compileClient() {
  const { program, config } = checkedClientProgram(JSON.parse(readFileSync(openapiFile, 'utf8')))
  mkdirSync('.cache/client', { recursive: true })
  writeFileSync('.cache/client/program.ts', program)
  writeFileSync('.cache/client/tsconfig.json', JSON.stringify(config))
  return tool('typescript/bin/tsc', '-p', '.cache/client/tsconfig.json')
}

/**
 * @param {string} path
 * @param {readonly string[]} args
 */
function tool(path, ...args) {
  return node(join(modules, path), ...args)
}

/**
 * Runs a program on the pinned Node.
 * @param {readonly string[]} args
 * @returns {Promise<ProgramResult>}
 */
function node(...args) {
  const environment = {
    ...process.env,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
  }
  return new Promise((resolve) => {
    const child = spawn(pinnedNode, args, {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: stepLimitMs,
      killSignal: 'SIGKILL',
    })
    let [stdout, output] = ['', '']
    child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
      stdout += chunk.toString()
      output += chunk.toString()
    })
    child.stderr.on('data', (/** @type {Buffer} */ chunk) => {
      output += chunk.toString()
    })
    child.on('error', (error) => resolve({ ok: false, stdout, output: error.message }))
    child.on('close', (code, signal) =>
      resolve({ ok: code === 0, stdout, output: signal ? `${output}\nended by ${signal}` : output }),
    )
  })
}

/** @param {string} path */
function missing(path) {
  return existsSync(join(root, path)) ? undefined : `no ${path}`
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`)
  return true
}
