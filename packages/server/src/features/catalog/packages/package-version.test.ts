import { describe, expect, it } from 'vitest'
import '../agents/index.ts'
import { isVersion, nextVersion } from './package-version.ts'

describe('isVersion', () => {
  it('accepts exact semantic versions as people write them', () => {
    for (const text of ['0.0.0', '1.2.3', '1.0.0-beta.1', '1.0.0+build.5', '999999999.0.0'])
      expect(isVersion(text), text).toBe(true)
  })

  it('refuses prefixes, ranges, blanks and numbers that are too large', () => {
    for (const text of [
      '',
      'v1.0.0',
      '1.0',
      '^1.0.0',
      ' 1.0.0',
      '1.0.0 ',
      '01.0.0',
      'latest',
      '1000000000.0.0',
      '1.0.0\0',
    ]) {
      expect(isVersion(text), text).toBe(false)
    }
  })
})

describe('nextVersion', () => {
  it('is one patch above the highest version, compared by number and not by text', () => {
    expect(nextVersion(['1.0.9', '1.0.10', '0.99.0'], undefined)).toBe('1.0.11')
    expect(nextVersion(['2.0.0-beta.1', '1.0.0'], undefined)).toBe('2.0.0')
    expect(nextVersion(['1.0.0+5'], undefined)).toBe('1.0.1')
  })

  it('is the given version when it is higher than all others', () => {
    expect(nextVersion(['1.0.0', '1.5.0'], '2.0.0-rc.1')).toBe('2.0.0-rc.1')
  })

  it('refuses a given version that is not higher', () => {
    for (const given of ['1.5.0', '1.4.9', '1.5.0-rc.1', '1.5.0+newer']) {
      expect(() => nextVersion(['1.0.0', '1.5.0'], given), given).toThrow(/higher than 1\.5\.0/)
    }
  })
})
