import { describe, expect, it } from 'vitest'
import { changesBetween } from './changes.ts'

describe('what a change changed', () => {
  it('is the fields that differ, from what to what', () => {
    expect(changesBetween({ name: 'a', size: 1, tags: ['x'] }, { name: 'b', size: 1, tags: ['x'] })).toEqual({ name: { before: 'a', after: 'b' } })
  })

  it('tells what came and what went as null', () => {
    expect(changesBetween({ old: 1 }, { young: 2 })).toEqual({ old: { before: 1, after: null }, young: { before: null, after: 2 } })
    expect(changesBetween({ field: undefined }, { field: null })).toEqual({})
  })

  it('writes times as the API does', () => {
    const at = new Date('2026-03-21T09:30:00.000Z')
    expect(changesBetween({ at }, { at: new Date(at) })).toEqual({})
    expect(changesBetween({ at: null }, { at })).toEqual({ at: { before: null, after: '2026-03-21T09:30:00.000Z' } })
  })

  it('masks secrets, and tells a set one from none', () => {
    expect(changesBetween({ key: 'old' }, { key: 'new' }, { secret: ['key'] })).toEqual({ key: { before: '***', after: '***' } })
    expect(changesBetween({ key: null }, { key: 'new' }, { secret: ['key'] })).toEqual({ key: { before: null, after: '***' } })
  })
})
