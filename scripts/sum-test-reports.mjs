// sum-test-reports.mjs <partial report> <complete report>: adds up two JSON reports of vitest and prints the total.
// Fails unless tests ran, all passed, and every test ran at least once: the complete run may skip no test, the partial
// run only tests that passed in the complete run. The complete run may leave out files that need none of its services.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { listOf, recordOf } from './json-value.mjs'

/** @typedef {{ name: string, status: unknown }} Test */
/** @typedef {{ path: string, tests: readonly Test[] }} Report */

const [partialPath = '', completePath = ''] = process.argv.slice(2)
const partial = read(partialPath)
const complete = read(completePath)
const ranInComplete = new Set(complete.tests.filter(isPassed).map((test) => test.name))
const missing = [
  ...complete.tests.filter(isSkipped),
  ...partial.tests.filter((test) => isSkipped(test) && !ranInComplete.has(test.name)),
]
for (const name of new Set(missing.map((test) => test.name))) console.log(`Skipped, but must run here: ${name}`)

const all = [...partial.tests, ...complete.tests]
const passed = all.filter(isPassed).length
const skipped = all.filter(isSkipped).length
const failed = all.length - passed - skipped
const empty = [partial, complete].filter((report) => !report.tests.some(isPassed))
for (const report of empty) console.log(`No test ran: ${report.path}`)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 && missing.length === 0 && empty.length === 0 ? 0 : 1)

/** @param {Test} test */
function isPassed(test) {
  return test.status === 'passed'
}

/** @param {Test} test */
function isSkipped(test) {
  return test.status !== 'passed' && test.status !== 'failed'
}

/**
 * @param {string} path
 * @returns {Report}
 */
function read(path) {
  try {
    const report = recordOf(JSON.parse(readFileSync(path, 'utf8')))
    return { path, tests: listOf(report['testResults']).flatMap((file) => readFile(recordOf(file))) }
  } catch (error) {
    console.log(`Unreadable report ${path}: ${error instanceof Error ? error.message : String(error)}`)
    return { path, tests: [] }
  }
}

/**
 * A file that cannot be loaded, or whose set-up fails, has no failed test in the report: it counts as one failed test.
 * @param {import('./json-value.mjs').JsonRecord} file
 * @returns {Test[]}
 */
function readFile(file) {
  const name = relative(process.cwd(), String(file['name']))
  const tests = listOf(file['assertionResults']).map((result) => {
    const { fullName, status } = recordOf(result)
    return { name: `${name} > ${fullName}`, status }
  })
  const isSilent = file['status'] === 'failed' && !tests.some((test) => test.status === 'failed')
  return isSilent ? [...tests, { name, status: 'failed' }] : tests
}
