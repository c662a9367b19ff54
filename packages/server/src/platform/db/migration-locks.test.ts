import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../../../migrations')
/** The first file that was written under these rules. */
const firstChecked = '0020'

/** Statements that keep requests from an existing table for as long as its rows are rewritten or read. */
const longLocks: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  {
    pattern: /create (?:unique )?index (?!concurrently).*? on (?:only )?(\w+)/gi,
    instead: 'build the index concurrently',
  },
  { pattern: /alter table (?:only )?(\w+)[^;]*? alter (?:column )?\w+ (?:set data )?type/gi, instead: 'add a column' },
  { pattern: /alter table (?:only )?(\w+)[^;]*? set not null/gi, instead: 'add a check constraint, not valid' },
  {
    pattern: /alter table (?:only )?(\w+)[^;]*? add (?:constraint|foreign key|check)(?![^;]* not valid)/gi,
    instead: 'add it not valid',
  },
  { pattern: /(?:lock table|vacuum full|cluster) (\w+)/gi, instead: 'do without' },
]

function findLongLocks(sql: string): string[] {
  const text = sql.replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ')
  const made = new Set([...text.matchAll(/create table (?:if not exists )?(\w+)/gi)].map(([, table]) => table))
  return longLocks.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)]
      .filter(([, table]) => !made.has(table))
      .map(([statement]) => `${statement.trim()}: ${instead}`),
  )
}

describe('migrations', () => {
  it('lock no existing table for long', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.sql') && name >= firstChecked)
    const found = files.flatMap((name) =>
      findLongLocks(readFileSync(join(folder, name), 'utf8')).map((mistake) => `${name}: ${mistake}`),
    )
    expect(found).toEqual([])
  })

  it.each([
    ['create index on_runs on runs (id)', 1],
    ['create unique index on_runs\n  on runs (id)', 1],
    ['create index concurrently on_runs on runs (id)', 0],
    ['create table toys (id uuid); create index of_toys on toys (id)', 0],
    ['alter table runs alter column id type text', 1],
    ['alter table runs add column note text; alter table runs alter note set not null', 1],
    ['alter table runs add constraint some check (id is not null)', 1],
    ['alter table runs add constraint some check (id is not null) not valid', 0],
    ['alter table runs add column note text not null default 0', 0],
    ['lock table runs', 1],
    ['-- lock table runs\nselect 1', 0],
  ])('are checked by what they lock: %s', (sql, mistakes) => {
    expect(findLongLocks(sql)).toHaveLength(mistakes)
  })
})
