import { sql } from 'kysely'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { hooksOf, type EraseHook } from './hooks.ts'

const content = { rows: () => sql`select` }
const erase = (order: number): EraseHook => ({
  order,
  report: { [`part${order}`]: Type.Integer() },
  erase: async () => ({ rows: 0, counts: {} }),
})

describe('the hooks of features', () => {
  it('are collected by noun, from every feature', () => {
    const hooks = hooksOf([
      { contents: { application: { runs: content }, organization: { models: content } } },
      {},
      {
        contents: { application: { files: content } },
        blocksDeletion: { agent: { runs: { ...content, detail: 'no' } } },
      },
    ])
    expect(Object.keys(hooks.contentsOf('application'))).toEqual(['runs', 'files'])
    expect(Object.keys(hooks.contentsOf('organization'))).toEqual(['models'])
    expect(hooks.contentsOf('agent')).toEqual({})
    expect(Object.keys(hooks.blocksOf('agent'))).toEqual(['runs'])
  })

  it('put the parts of an erasure in ascending order, regardless of the order of the features', () => {
    const hooks = hooksOf([{ erase: erase(30) }, { erase: erase(10) }, {}, { erase: erase(20) }])
    expect(hooks.erase.map(({ order }) => order)).toEqual([10, 20, 30])
  })

  it('are refused when two features contribute the same field, because one would hide the other', () => {
    const twice = { contents: { application: { runs: content } } }
    expect(() => hooksOf([twice, twice]).contentsOf('application')).toThrow('Two features contribute runs.')
    expect(() => hooksOf([{ erase: erase(1) }, { erase: erase(1) }])).toThrow('Two features contribute part1.')
  })
})
