import { describe, expect, it } from 'vitest'
import { changesBetween } from './changes.ts'

describe('the changes in an audit entry', () => {
  it('are the fields that differ, with both values', () => {
    expect(changesBetween({ name: 'a', size: 1, tags: ['x'] }, { name: 'b', size: 1, tags: ['x'] })).toEqual({
      name: { before: 'a', after: 'b' },
    })
  })

  it('show an added or removed value with null', () => {
    expect(changesBetween({ old: 1 }, { young: 2 })).toEqual({
      old: { before: 1, after: null },
      young: { before: null, after: 2 },
    })
    expect(changesBetween({ field: undefined }, { field: null })).toEqual({})
  })

  it('omit the time of the change', () => {
    expect(changesBetween({ name: 'a', updatedAt: new Date(0) }, { name: 'b', updatedAt: new Date(1) })).toEqual({
      name: { before: 'a', after: 'b' },
    })
  })

  it('have times in the format of the API', () => {
    const at = new Date('2026-03-21T09:30:00.000Z')
    expect(changesBetween({ at }, { at: new Date(at) })).toEqual({})
    expect(changesBetween({ at: null }, { at })).toEqual({ at: { before: null, after: '2026-03-21T09:30:00.000Z' } })
  })

  it('mask secrets, and distinguish a set one from none', () => {
    expect(changesBetween({ key: 'old' }, { key: 'new' }, { secret: ['key'] })).toEqual({
      key: { before: '***', after: '***' },
    })
    expect(changesBetween({ key: null }, { key: 'new' }, { secret: ['key'] })).toEqual({
      key: { before: null, after: '***' },
    })
  })

  it('shorten a long value to its beginning, length and SHA-256, so that two long ones still differ', () => {
    const [before, after] = ['x'.repeat(2_001), `${'x'.repeat(2_000)}y`]
    const { prompt } = changesBetween({ prompt: before, short: 'a' }, { prompt: after, short: 'a' })
    expect(prompt?.before).toMatch(/^x{200}… \(2001 characters, SHA-256 [0-9a-f]{64}\)$/)
    expect(prompt?.after).toMatch(/^x{200}… \(2001 characters, SHA-256 [0-9a-f]{64}\)$/)
    expect(prompt?.after).not.toBe(prompt?.before)
    expect(
      changesBetween({ schema: null }, { schema: { list: Array.from({ length: 1_000 }, () => 'x') } })['schema']?.after,
    ).toMatch(/^\{"list":\["x",.*… \(4010 characters/)
  })
})
