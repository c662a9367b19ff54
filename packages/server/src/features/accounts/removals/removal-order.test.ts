import { describe, expect, it } from 'vitest'
import { childrenFirst } from './removal-order.ts'

const refers = (child: string, parent: string) => ({ child, parent })

describe('the order in which tables are emptied', () => {
  it('puts each table before those that it refers to, in every order of the features', () => {
    const references = [refers('events', 'runs'), refers('runs', 'schedules'), refers('files', 'runs')]
    for (const tables of [
      ['schedules', 'runs', 'files', 'events'],
      ['events', 'files', 'runs', 'schedules'],
    ]) {
      const sorted = childrenFirst(tables, references)
      expect([...sorted].sort()).toEqual([...tables].sort())
      for (const { child, parent } of references) expect(sorted.indexOf(child)).toBeLessThan(sorted.indexOf(parent))
    }
  })

  it('ignores tables outside the list, and a table that refers to itself', () => {
    expect(childrenFirst(['a'], [refers('a', 'a'), refers('b', 'a'), refers('a', 'applications')])).toEqual(['a'])
  })

  it('reports tables that refer to each other', () => {
    expect(() => childrenFirst(['a', 'b'], [refers('a', 'b'), refers('b', 'a')])).toThrow(
      'The tables a, b refer to each other.',
    )
  })
})
