import { describe, expect, it } from 'vitest'
import { findUrlMistake } from './egress-url.ts'
import { closedPolicy, localPolicy } from './testing/policies.ts'

const find = (url: string) => findUrlMistake(url, closedPolicy())
const findLocal = (url: string) => findUrlMistake(url, localPolicy)

describe('findUrlMistake', () => {
  it.each([
    'https://example.com',
    'https://example.com:8443/hooks?token=1',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://bücher.example/',
    'https://localhost.example.com/',
    'HTTPS://EXAMPLE.COM./x',
  ])('takes %s', (url) => {
    expect([find(url), findLocal(url)]).toEqual([undefined, undefined])
  })

  it.each([
    ['an https URL', 'http://example.com'],
    ['an https URL', 'example.com/hooks'],
    ['an https URL', '/hooks'],
    ['an https URL', 'ftp://example.com'],
    ['an https URL', 'javascript:alert(1)'],
    ['an https URL', 'https://'],
    ['an https URL', 'https://exa mple.com'],
    ['credentials', 'https://user:pw@example.com'],
    ['credentials', 'https://user@example.com'],
    ['credentials', 'https://@example.com'],
    ['a fragment', 'https://example.com/#x'],
    ['a fragment', 'https://example.com/#'],
    ['backslashes', 'https://example.com\\@10.0.0.1/'],
    ['backslashes', 'https:\\\\example.com/'],
    ['white space', 'https://exam\tple.com/'],
    ['white space', 'https://example.com/a\nb'],
    ['white space', ' https://example.com/'],
    ['control characters', 'https://exam\u00adple.com/'],
    ['a host', 'https:example.com'],
    ['a host', 'https:/example.com/hooks'],
    ['port 0', 'https://example.com:0/'],
    ['2000 characters', `https://example.com/${'x'.repeat(2_000)}`],
  ])('wants %s: %s', (mistake, url) => {
    expect(find(url)).toContain(mistake)
  })

  // The URL parser normalises all these forms to an address.
  it.each([
    'https://127.0.0.1/',
    'https://127.0.0.1./',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://127.0.0.1:8443/',
    'https://１２７.0.0.1/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::127.0.0.1]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://localhost/',
    'https://LOCALHOST:8443/',
    'https://localhost./',
    'https://app.localhost/',
  ])('refuses %s at once', (url) => {
    expect(find(url)).toMatch(/must name a public host/)
  })

  it('accepts http and local hosts for local use, but not metadata addresses', () => {
    for (const url of [
      'http://127.0.0.1:3000/',
      'http://localhost/',
      'https://10.0.0.1/',
      'http://[::1]:1/',
      'http://hooks.internal/',
    ])
      expect(findLocal(url), url).toBeUndefined()
    for (const url of [
      'http://169.254.169.254/',
      'http://[fd00:ec2::254]/',
      'http://0.0.0.0/',
      'http://[::ffff:127.0.0.1]/',
    ])
      expect(findLocal(url), url).toMatch(/must name a public host/)
    expect(findLocal('ftp://127.0.0.1')).toBe('must be an http or https URL')
  })
})
