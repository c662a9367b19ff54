import { describe, expect, it } from 'vitest'
import { canonicalLanguage, findLanguageMistakes } from './profile.ts'

describe('a language', () => {
  it.each([
    ['fr', 'fr'],
    ['EN-us', 'en-US'],
    ['zh-hant-tw', 'zh-Hant-TW'],
    ['pt-br', 'pt-BR'],
  ])('%s is stored as %s', (tag, canonical) => {
    expect(canonicalLanguage(tag)).toBe(canonical)
    expect(findLanguageMistakes(tag)).toEqual([])
  })

  it.each(['', 'f', 'fr_FR', 'english please', 'en-', '../en'])('%j is refused', (tag) => {
    expect(findLanguageMistakes(tag)).toMatchObject([{ pointer: '/language' }])
  })

  it('may be absent or null', () => {
    expect([...findLanguageMistakes(null), ...findLanguageMistakes(undefined)]).toEqual([])
  })
})
