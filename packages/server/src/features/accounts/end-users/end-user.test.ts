import { describe, expect, it } from 'vitest'
import { findMetadataMistakes, findSizeMistakes, mergeMetadata } from './end-user.ts'

describe('metadata', () => {
  it('is merged key by key; null removes a key', () => {
    expect(mergeMetadata({ a: 1, b: 'x' }, { b: true, c: 'new' })).toEqual({ a: 1, b: true, c: 'new' })
    expect(mergeMetadata({ a: 1, b: 'x' }, { a: null, z: null })).toEqual({ b: 'x' })
    expect(mergeMetadata({}, JSON.parse('{"__proto__": "x"}'))).toEqual(JSON.parse('{"__proto__": "x"}'))
  })

  it('has at most 50 keys', () => {
    const of = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]))
    expect(findSizeMistakes(of(50))).toEqual([])
    expect(findSizeMistakes(of(51))).toMatchObject([{ pointer: '/metadata', code: 'maxProperties' }])
  })

  it('has short keys, and short plain values', () => {
    expect(findMetadataMistakes({ a: 'x'.repeat(500), ['k'.repeat(40)]: 1.5, c: false, d: null })).toEqual([])
    const wrong = { '': 1, ['k'.repeat(41)]: 1, long: 'x'.repeat(501), list: [], object: {}, 'a/b': [] }
    expect(findMetadataMistakes(wrong).map(({ code }) => code)).toEqual([
      'key-length',
      'key-length',
      'maxLength',
      'type',
      'type',
      'type',
    ])
    expect(findMetadataMistakes(wrong).at(-1)?.pointer).toBe('/metadata/a~1b')
  })
})
