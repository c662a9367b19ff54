import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const status = '(?:pending|running|waiting|success|failed|timeout|cancelled|accepted|started|queued|skipped-[a-z]+)'
const inSql = new RegExp(
  `(?:status|outcome)\\s+(?:not\\s+)?in\\s*\\(\\s*'|(?:status|outcome)\\s*(?:=|<>)\\s*(?:any|all)\\s*\\(\\s*'`,
  'i',
)
const inCode = new RegExp(`\\[\\s*'${status}',\\s*'${status}'`)
const table = /export const \w+Transitions = \{[^}]*\}/g

/** Whether a source lists statuses by hand instead of deriving the list from a table of transitions. */
function listsStatuses(text: string): boolean {
  const rest = text.replaceAll(table, '')
  return inSql.test(rest) || inCode.test(rest)
}

describe('lists of statuses', () => {
  it('are derived from the tables of transitions', () => {
    const root = join(import.meta.dirname, '../src')
    const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|generated/.test(path))
      .filter((path) => listsStatuses(readFileSync(join(root, path), 'utf8')))
    expect(found).toEqual([])
  })

  it.each([
    ["select id from runs where status in ('pending', 'running')", true],
    ["select id from runs where status = any('{pending}')", true],
    ["delete from schedule_fires where outcome not in ('queued')", true],
    ["const ended = ['success', 'failed']", true],
    ['select id from runs where status = any(${unfinishedStatuses}::text[])', false],
    ["select id from runs where status = 'pending'", false],
    ["export const runTransitions = {\n  pending: ['running', 'failed'],\n}", false],
  ])('%s', (text, isList) => expect(listsStatuses(text)).toBe(isList))
})
