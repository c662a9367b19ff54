import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../../../../../..')
const literal = /kind:\s*'run_log'/

it('is the only place that makes log entries', () => {
  const makers = ['packages/server/src', 'bench', 'tests', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, path))
      .filter((path) => literal.test(readFileSync(join(root, path), 'utf8'))),
  )
  expect(makers).toEqual(['packages/server/src/features/execution/runs/journal/log-entries.ts'])
})
