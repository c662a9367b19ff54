import { describe, expect, it } from 'vitest'
import { slugLengthMax, slugOf, slugPattern, slugWithMark } from './organization.ts'

describe('the slug of a name', () => {
  it.each([
    ['Acme', 'acme'],
    ['  Acme & Söhne GmbH ', 'acme-sohne-gmbh'],
    ['Ünïcödé—Ltd.', 'unicode-ltd'],
    ['ﬁne', 'fine'],
    ['--a--', 'a'],
    ['日本', ''],
    ['x'.repeat(80), 'x'.repeat(50)],
    [`${'x'.repeat(49)} y`, 'x'.repeat(49)],
  ])('%j gives %j', (name, slug) => {
    expect(slugOf(name)).toBe(slug)
  })

  it('is still a valid slug with a mark, for any name', () => {
    for (const name of ['Acme', '日本', '-', 'x'.repeat(80), 'x '.repeat(40)]) {
      const slug = slugWithMark(slugOf(name), '0a1b2c3d')
      expect(slug).toMatch(new RegExp(slugPattern))
      expect(slug.length).toBeLessThanOrEqual(slugLengthMax)
      expect(slug.endsWith('-0a1b2c3d')).toBe(true)
    }
  })
})
