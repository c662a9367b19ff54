import { describe, expect, it } from 'vitest'
import { localPolicy } from '../../../platform/egress/testing/policies.ts'
import * as rules from './provider-key.ts'
import { normalizeAddress, type ProviderAddress, type ProviderKey, type ProviderKeyChanges } from './provider-key.ts'

const findNewKeyMistakes = (address: ProviderAddress, apiKey: string, policy = localPolicy) =>
  rules.findNewKeyMistakes(address, apiKey, policy)
const findChangeMistakes = (before: ProviderKey, changes: ProviderKeyChanges) =>
  rules.findChangeMistakes(before, changes, localPolicy)

const pointers = (mistakes: readonly { pointer: string; code: string }[]) =>
  mistakes.map(({ pointer, code }) => `${pointer} ${code}`)
const key: ProviderKey = {
  id: 'k',
  label: 'l',
  api: 'openai-compatible',
  baseUrl: 'https://a.test/v1',
  createdBy: null,
  createdAt: new Date(),
  updatedAt: new Date(),
}

describe('findNewKeyMistakes', () => {
  it('accepts http and https addresses, including local ones, and none where the provider has its own', () => {
    for (const baseUrl of [
      'http://127.0.0.1:11434/v1',
      'http://localhost:8000',
      'https://models.acme.test/v1',
      'http://[::1]:1/v1',
    ]) {
      expect(findNewKeyMistakes({ api: 'openai-compatible', baseUrl }, ''), baseUrl).toEqual([])
    }
    expect(findNewKeyMistakes({ api: 'anthropic', baseUrl: null }, 'sk')).toEqual([])
  })

  it('refuses other addresses', () => {
    for (const baseUrl of [
      '',
      'models.test/v1',
      'ftp://a.test',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'https://user:pw@a.test',
      'https://a.test/v1?key=1',
      'https://a.test/#x',
    ]) {
      expect(pointers(findNewKeyMistakes({ api: 'openai', baseUrl }, 'sk')), baseUrl).toEqual(['/baseUrl format'])
    }
  })

  it('refuses metadata, link-local and reserved addresses in every notation', () => {
    const hosts = [
      '169.254.169.254',
      '169.254.1.1',
      '0.0.0.0',
      '0xa9fea9fe',
      '2852039166',
      '[fe80::1]',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      '100.100.100.200',
      '255.255.255.255',
      '224.0.0.1',
      '[::]',
    ]
    for (const host of hosts)
      expect(
        pointers(findNewKeyMistakes({ api: 'openai-compatible', baseUrl: `http://${host}/v1` }, '')),
        host,
      ).toEqual(['/baseUrl address'])
    expect(pointers(findChangeMistakes(key, { baseUrl: 'http://169.254.169.254/latest', apiKey: 'sk-new' }))).toEqual([
      '/baseUrl address',
    ])
  })

  it('requires an address for openai-compatible and a secret for the others, and reports both at once', () => {
    expect(pointers(findNewKeyMistakes({ api: 'openai-compatible', baseUrl: null }, 'sk'))).toEqual([
      '/baseUrl required',
    ])
    expect(pointers(findNewKeyMistakes({ api: 'google', baseUrl: 'nonsense' }, ''))).toEqual([
      '/baseUrl format',
      '/apiKey required',
    ])
  })
})

describe('findChangeMistakes', () => {
  it('keeps a stored secret from being sent to another server', () => {
    for (const changes of [
      { baseUrl: 'https://evil.test/v1' },
      { baseUrl: 'http://a.test/v1' },
      { baseUrl: 'https://a.test:8443/v1' },
      { api: 'openai' },
    ] as const) {
      expect(pointers(findChangeMistakes(key, changes)), JSON.stringify(changes)).toEqual(['/apiKey required'])
      expect(findChangeMistakes(key, { ...changes, apiKey: 'sk-new' })).toEqual([])
    }
    expect(pointers(findChangeMistakes({ ...key, api: 'openai' }, { baseUrl: null }))).toEqual(['/apiKey required'])
  })

  it('allows another path of the same server, another label and another secret', () => {
    expect(findChangeMistakes(key, { baseUrl: 'https://a.test/v2' })).toEqual([])
    expect(findChangeMistakes(key, { label: 'x' })).toEqual([])
    expect(findChangeMistakes(key, { apiKey: 'sk-new' })).toEqual([])
  })

  it('applies the rules of new keys', () => {
    expect(pointers(findChangeMistakes(key, { baseUrl: null }))).toEqual(['/baseUrl required'])
    expect(pointers(findChangeMistakes(key, { api: 'mistral', apiKey: '' }))).toEqual(['/apiKey required'])
  })
})

describe('normalizeAddress', () => {
  it('removes trailing slashes and turns an omitted address into null', () => {
    expect(normalizeAddress({ api: 'openai', baseUrl: 'https://a.test/v1//' })).toEqual({
      api: 'openai',
      baseUrl: 'https://a.test/v1',
    })
    expect(normalizeAddress({ api: 'openai' })).toEqual({ api: 'openai', baseUrl: null })
  })
})
