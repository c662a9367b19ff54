import { describe, expect, it } from 'vitest'
import { checkDomainPattern, isAllowedAddress } from './email-domain.ts'

describe('the allowed domains of e-mail addresses', () => {
  const patterns = ['Example.com', '*.example.org', 'bücher.example', '*.müller.test']

  it.each([
    'ada@example.com',
    'ADA@EXAMPLE.COM',
    'ada+tag@example.com',
    'ada@a.example.org',
    'ada@a.b.example.org',
    'ada@xn--bcher-kva.example',
    'ada@BÜCHER.example',
    // The same letter, written as u and a combining mark.
    'ada@bu\u0308cher.example',
    'ada@mail.xn--mller-kva.test',
  ])('let %s in', (email) => {
    expect(isAllowedAddress(email, patterns)).toBe(true)
  })

  it.each([
    'ada@a.example.com',
    'ada@notexample.com',
    'ada@example.com.evil.com',
    'ada@example.co',
    'ada@example.org',
    'ada@notexample.org',
    'ada@a.example.org.evil.com',
    'ada@bucher.example',
    'example.com@evil.com',
    'ada@example.com@evil.com',
    'ada@',
    'ada',
    '',
    // A Cyrillic letter in place of a Latin one.
    'ada@ex\u0430mple.com',
  ])('keep %j out', (email) => {
    expect(isAllowedAddress(email, patterns)).toBe(false)
  })

  it('are any domains if none is named', () => {
    expect(isAllowedAddress('ada@anything.example', [])).toBe(true)
  })

  it.each(['example.com', '*.example.com', 'bücher.example', 'a.b.c.example'])('can be %s', (pattern) => {
    expect(() => checkDomainPattern(pattern)).not.toThrow()
  })

  it.each(['', '*', '*.', 'com', '@example.com', 'ada@example.com', 'exa mple.com', '*.*.example.com', '.example.com'])(
    'cannot be %j',
    (pattern) => {
      expect(() => checkDomainPattern(pattern)).toThrow('must be domains such as')
    },
  )
})
