// sum-test-reports.mjs <partial report> <complete report>: adds up two JSON reports of vitest, prints the closing line, and
// fails unless tests ran, all passed, and every test ran somewhere: the complete run may skip nothing, the partial one
// only what passed in the complete one.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const [partialPath, completePath] = process.argv.slice(2)
const partial = read(partialPath)
const complete = read(completePath)
const ranInComplete = new Set(complete.tests.filter((test) => test.status === 'passed').map((test) => test.name))
const missing = [
  ...complete.tests.filter(isSkipped),
  ...partial.tests.filter((test) => isSkipped(test) && !ranInComplete.has(test.name)),
]
for (const name of new Set(missing.map((test) => test.name)))
  console.log(`Skipped, though it should have run here: ${name}`)

const all = [...partial.tests, ...complete.tests]
const passed = all.filter((test) => test.status === 'passed').length
const skipped = all.filter(isSkipped).length
const failed = all.length - passed - skipped
for (const report of [partial, complete])
  if (!report.tests.some((test) => test.status === 'passed')) console.log(`No test ran: ${report.path}`)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
const ranBoth = [partial, complete].every((report) => report.tests.some((test) => test.status === 'passed'))
process.exit(failed === 0 && missing.length === 0 && ranBoth ? 0 : 1)

function isSkipped(test) {
  return test.status !== 'passed' && test.status !== 'failed'
}

function read(path) {
  try {
    return { path, tests: JSON.parse(readFileSync(path, 'utf8')).testResults.flatMap(readFile) }
  } catch (error) {
    console.log(`Unreadable report ${path}: ${error.message}`)
    return { path, tests: [] }
  }
}

// A file that could not be loaded, or whose set-up failed, has no failed test of its own: it counts as one.
function readFile(file) {
  const name = relative(process.cwd(), file.name)
  const tests = file.assertionResults.map((test) => ({ name: `${name} > ${test.fullName}`, status: test.status }))
  const silent = file.status === 'failed' && !tests.some((test) => test.status === 'failed')
  return silent ? [...tests, { name, status: 'failed' }] : tests
}
