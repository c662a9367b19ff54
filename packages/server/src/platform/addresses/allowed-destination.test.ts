import { describe, expect, it } from 'vitest'
import { verdictOf } from '../egress/address-policy.ts'
import { parseAllowedDestination } from './allowed-destination.ts'
import { findUrlMistake } from '../egress/egress-url.ts'
import { closedPolicy } from '../egress/testing/policies.ts'

const verdict = (entry: string, address: string, { host = address, port = 443 } = {}) =>
  verdictOf(closedPolicy(entry), address, { host, port })

describe('an entry of EGRESS_ALLOW', () => {
  it.each([
    ['10.1.2.3:443', '10.1.2.3'],
    ['10.1.2.3:*', '10.1.2.3'],
    ['10.0.0.0/8:443', '10.9.9.9'],
    ['0.0.0.0/0:443', '127.0.0.1'],
    ['169.254.0.0/16:443', '169.254.1.1'],
    ['169.254.169.254:443', '169.254.169.254'],
    ['198.18.0.0/15:443', '198.18.0.7'],
    ['[::1]:443', '::1'],
    ['[fd00::/8]:443', 'fd00::7'],
    ['[fd00:ec2::254]:443', 'fd00:ec2::254'],
  ])('%s opens %s', (entry, address) => {
    expect(verdict(entry, address)).toBe('internal')
    expect(verdict(entry, address, { host: 'some.example' })).toBe('internal')
  })

  it.each([
    ['10.1.2.3:443', '10.1.2.4'],
    ['10.1.2.3:80', '10.1.2.3'],
    ['10.0.0.0/8:443', '127.0.0.1'],
    ['10.0.0.0/8:443', '::ffff:10.0.0.1'],
    // A metadata service needs an entry with its own address.
    ['0.0.0.0/0:443', '169.254.169.254'],
    ['100.64.0.0/10:443', '100.100.100.200'],
    ['[fd00::/8]:443', 'fd00:ec2::254'],
    ['[fd00::/8]:443', 'fe80::1'],
  ])('%s does not open %s', (entry, address) => {
    expect(verdict(entry, address)).toBe('refused')
  })

  it('with a name opens the local addresses that this name has, and no others', () => {
    expect(verdict('Ollama.internal:443', '10.0.0.1', { host: 'ollama.internal' })).toBe('internal')
    expect(verdict('ollama.internal:443', '10.0.0.1', { host: 'other.internal' })).toBe('refused')
    expect(verdict('ollama.internal:443', '10.0.0.1', { host: 'ollama.internal', port: 80 })).toBe('refused')
    for (const address of ['169.254.169.254', '169.254.1.1', 'fd00:ec2::254', '0.0.0.0'])
      expect(verdict('ollama.internal:443', address, { host: 'ollama.internal' }), address).toBe('refused')
  })

  it('leaves public addresses public', () => {
    expect(verdict('8.8.8.8:443', '8.8.8.8')).toBe('public')
  })

  it('allows http to what it names, and to nothing else', () => {
    const policy = closedPolicy('hooks.internal:8080', '10.1.0.0/16:*', 'localhost:4000')
    for (const url of ['http://hooks.internal:8080/a', 'http://10.1.2.3:5/', 'http://localhost:4000/'])
      expect(findUrlMistake(url, policy), url).toBeUndefined()
    for (const url of [
      'http://hooks.internal/',
      'http://example.com:8080/',
      'http://localhost:4001/',
      'http://10.2.0.1/',
    ])
      expect(findUrlMistake(url, policy), url).toBe('must be an https URL')
    expect(findUrlMistake('https://10.2.0.1/', policy)).toMatch(/must name a public host/)
    expect(findUrlMistake('https://localhost:4001/', policy)).toMatch(/must name a public host/)
  })

  it.each([
    'ollama',
    'ollama:',
    ':80',
    'ollama:0',
    'ollama:65536',
    'ollama:http',
    '*:80',
    '*.internal:80',
    'http://ollama:80',
    'ollama:80/v1',
    'user@ollama:80',
    '10.0.0.0/33:80',
    '10.0.0.0/8',
    '127.1:80',
    '2130706433:80',
    '0x7f.1:80',
    '::1:80',
    '[::1]',
    '[10.0.0.1]:80',
    '[ollama]:80',
    'fd00::/8:80',
  ])('is not %j', (entry) => {
    expect(() => parseAllowedDestination(entry)).toThrow(/must be hosts with ports/)
  })
})
