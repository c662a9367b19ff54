import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { createContentSeal, erasedSeal, plainSeal } from './content-seal.ts'

const endUserId = '0195e9a0-0000-7000-8000-000000000000'
const key = randomBytes(32)
const seal = createContentSeal(key, endUserId)
const values = [{ a: [1, 'ü', null, { b: true }] }, 'text', 0, false, [], '', { $sealed: 'not really' }]

describe("an end-user's seal", () => {
  it.each(values)('opens a value that it has sealed: %j', (value) => {
    const sealed = seal.seal(value)
    expect(sealed).toEqual({ $sealed: expect.stringMatching(/^1\.[A-Za-z0-9_-]+$/) })
    expect(seal.unseal(JSON.parse(JSON.stringify(sealed)))).toEqual(value)
    expect(seal.seal(value)).not.toEqual(sealed)
  })

  it('leaves null unchanged, and returns unsealed values as they are', () => {
    expect(seal.seal(null)).toBeNull()
    for (const value of [...values, null]) expect(seal.unseal(value)).toEqual(value)
    expect(seal.unsealText('from before')).toBe('from before')
    expect(seal.unsealText('{"$sealed":"x"}')).toBe('{"$sealed":"x"}')
  })

  it('opens texts and names; sealing a name twice gives the same result, sealing a text does not', () => {
    for (const text of ['', 'a\n\nb', '{"$sealed":"1.x"}', 'ünï']) {
      expect(seal.unsealText(seal.sealText(text))).toBe(text)
      expect(seal.unsealText(seal.sealName(text))).toBe(text)
    }
    expect(seal.sealText('a')).not.toBe(seal.sealText('a'))
    expect(seal.sealName('a')).toBe(seal.sealName('a'))
    expect(seal.sealName('a')).not.toBe(seal.sealName('b'))
    expect(createContentSeal(randomBytes(32), endUserId).sealName('a')).not.toBe(seal.sealName('a'))
  })

  it("does not open a value that was changed, another end-user's value, or a text as a name", () => {
    const text = JSON.stringify(seal.seal('secret'))
    const at = text.length - 10
    const changed = JSON.parse(text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1))
    expect(() => seal.unseal(changed)).toThrow(SealBroken)
    const other = createContentSeal(key, '0195e9a0-0000-7000-8000-000000000001')
    expect(() => other.unseal(seal.seal('secret'))).toThrow(SealBroken)
    expect(() => seal.unsealText(seal.sealText('secret').replace('"1.', '"name.1.'))).toThrow(SealBroken)
  })

  it('derives a different key for each file', () => {
    const salt = randomBytes(32)
    expect(seal.fileKey(salt)).toEqual(seal.fileKey(salt))
    expect(seal.fileKey(randomBytes(32))).not.toEqual(seal.fileKey(salt))
  })
})

it('does not encrypt content without an end-user', () => {
  expect(plainSeal.unseal(plainSeal.seal({ a: 1 }))).toEqual({ a: 1 })
  expect(plainSeal.sealText('x')).toBe('x')
  expect(plainSeal.fileKey(randomBytes(32))).toBeUndefined()
})

it('opens and seals nothing after the key is destroyed', () => {
  expect(erasedSeal.unseal(seal.seal({ a: 1 }))).toBeNull()
  expect(erasedSeal.unsealText(seal.sealText('a'))).toBeNull()
  expect(erasedSeal.unsealText(seal.sealName('a'))).toBeNull()
  expect(erasedSeal.unseal({ a: 1 })).toEqual({ a: 1 })
  for (const work of [
    () => erasedSeal.seal(1),
    () => erasedSeal.sealText('a'),
    () => erasedSeal.sealName('a'),
    () => erasedSeal.fileKey(randomBytes(32)),
  ])
    expect(work).toThrow('The end-user was erased.')
})
