import { expect, expectTypeOf, it } from 'vitest'
import { lifecycleOf } from './lifecycle.ts'

const life = lifecycleOf({ draft: ['open', 'dropped'], open: ['done', 'dropped'], done: [], dropped: [] })

it('derives every list from the table', () => {
  expect(life.statuses).toEqual(['draft', 'open', 'done', 'dropped'])
  expect(life.unfinished).toEqual(['draft', 'open'])
  expect(life.terminal).toEqual(['done', 'dropped'])
})

it('lists the changes that the table allows', () => {
  const { from, to } = life.changes
  expect(from.map((status, index) => [status, to[index]])).toEqual([
    ['draft', 'open'],
    ['draft', 'dropped'],
    ['open', 'done'],
    ['open', 'dropped'],
  ])
})

it('lists the statuses from which another can be reached', () => {
  expect(life.before('dropped')).toEqual(['draft', 'open'])
  expect(life.before('done')).toEqual(['open'])
  expect(life.before('draft')).toEqual([])
})

it('knows the statuses that nothing follows, also in its types', () => {
  expect(life.statuses.filter(life.isTerminal)).toEqual(life.terminal)
  expectTypeOf(life.terminal).toEqualTypeOf<readonly ('done' | 'dropped')[]>()
  expectTypeOf(life.unfinished).toEqualTypeOf<readonly ('draft' | 'open')[]>()
})
