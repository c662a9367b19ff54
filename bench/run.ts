// node bench/run.ts [name…] [--write]: measures and prints a Markdown table.
// With --write it also writes the table into docs/performance.md.
import { appendEvents } from './append-events.ts'
import { boot } from './boot.ts'
import { createRun } from './create-run.ts'
import { deleteApplication } from './delete-application.ts'
import { growth } from './growth.ts'
import { listAgents } from './list-agents.ts'
import { circumstances, tableOf, writePage, type Result } from './report.ts'
import { readAnswers } from './read-answers.ts'
import { overload } from './overload.ts'
import { schedules } from './schedules.ts'
import { sseFanOut } from './sse-fan-out.ts'
import { startRun } from './start-run.ts'
import { waitingRuns } from './waiting-runs.ts'
import { webhooks } from './webhooks.ts'

const benchmarks = [
  listAgents,
  createRun,
  startRun,
  sseFanOut,
  waitingRuns,
  boot,
  appendEvents,
  schedules,
  webhooks,
  deleteApplication,
  readAnswers,
  overload,
]
/** Not measured unless it is named: filling a million runs takes minutes. */
const onlyByName = [growth]
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const known = [...benchmarks, ...onlyByName]
const unknown = names.filter((name) => !known.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${known.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

const results: Result[] = []
for (const benchmark of names.length === 0 ? benchmarks : known.filter(({ name }) => names.includes(name))) {
  const startedMs = performance.now()
  results.push({ name: benchmark.name, rows: await benchmark.measure() })
  console.error(`${benchmark.name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
}

console.log(`${circumstances()}\n\n${tableOf(results)}`)
if (process.argv.includes('--write')) await writePage(results)
process.exit(0)
