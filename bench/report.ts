import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import type { Row } from './measurement.ts'
import { inRepository } from './processes.ts'

/** The rows of one benchmark under its name. */
export interface Result {
  readonly name: string
  readonly rows: readonly Row[]
}

const begin = '<!-- bench:begin -->'
const end = '<!-- bench:end -->'
const page = inRepository('docs/performance.md')
const header = '| Benchmark | What | Measured | Baseline | Ratio | Aim | |\n|---|---|---|---|---|---|---|'

export function tableOf(results: readonly Result[]): string {
  return [header, ...results.flatMap(linesOf)].join('\n')
}

/** When and on which machine the figures were measured. */
export function circumstances(): string {
  const [load = 0] = loadavg()
  const memory = Math.round(totalmem() / 2 ** 30)
  const machine = `${cpus().length} shared cores with ${memory} GB, Node ${process.versions.node}, embedded PostgreSQL`
  const day = new Date().toISOString().slice(0, 10)
  return `Measured on ${day} on ${machine}, load average ${load.toFixed(1)} at the end.`
}

/** Writes the results into docs/performance.md; rows of benchmarks that were not run stay. */
export async function writePage(results: readonly Result[]): Promise<void> {
  const text = await readFile(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}.`)
  const kept = text
    .slice(from, to)
    .split('\n')
    .filter((line) => line.startsWith('| `') && !results.some(({ name }) => line.startsWith(`| \`${name}\``)))
  const table = [header, ...[...results.flatMap(linesOf), ...kept].toSorted(byPlace)].join('\n')
  await writeFile(page, `${text.slice(0, from)}${begin}\n${circumstances()}\n\n${table}\n${text.slice(to)}`)
}

function linesOf({ name, rows }: Result): string[] {
  return rows.map(
    ({ what, measured, baseline, ratio, aim, met }) =>
      `| \`${name}\` | ${[what, measured, baseline, ratio, aim, mark(met)].join(' | ')} |`,
  )
}

// Sorting is stable, so the rows of one benchmark keep their order.
function byPlace(left: string, right: string): number {
  const nameOf = (line: string) => line.split('|')[1] ?? ''
  return nameOf(left).localeCompare(nameOf(right))
}

function mark(met: boolean | undefined): string {
  return met === undefined ? '' : met ? 'met' : '**missed**'
}
