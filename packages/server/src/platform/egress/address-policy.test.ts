import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { ConfigMistakes, parseConfig, type Environment } from '../config/config.ts'
import { addressPolicyOf, allowOwnServer, verdictOf } from './address-policy.ts'
import { closedPolicy } from './testing/policies.ts'

const database = {
  DATABASE_URL: 'postgres://db.example/appstrate',
  ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 1).toString('base64')}`,
  AUTH_SECRET: 'x'.repeat(32),
}
const policyOf = (environment: Environment) => addressPolicyOf(parseConfig(environment, features))
const isOpen = (environment: Environment) =>
  verdictOf(policyOf(environment), '10.0.0.1', { host: '10.0.0.1', port: 80 }) === 'internal'

describe('the address policy', () => {
  it.each<[boolean, Environment]>([
    [true, {}],
    [true, { HOST: 'localhost' }],
    [true, { HOST: '::1' }],
    [false, { HOST: '0.0.0.0' }],
    [false, { HOST: '::' }],
    [false, { HOST: '192.168.1.2' }],
    [false, database],
    [false, { ALLOW_PRIVATE_ADDRESSES: 'false' }],
    [true, { ...database, ALLOW_PRIVATE_ADDRESSES: 'true' }],
    [true, { HOST: '0.0.0.0', ALLOW_PRIVATE_ADDRESSES: 'true' }],
    [true, { ...database, WEBHOOKS_ALLOW_LOCAL: 'on' }],
    [true, { ...database, EGRESS_ALLOW: '10.0.0.0/8:80' }],
    [false, { ...database, EGRESS_ALLOW: '10.0.0.0/8:443, 10.0.0.2:80' }],
  ])('allows private addresses (%s) with %j', (expected, environment) => {
    expect(isOpen(environment)).toBe(expected)
  })

  it('shows replies of internal addresses only with the embedded database and a loopback HOST', () => {
    const environments: Environment[] = [
      {},
      { ALLOW_PRIVATE_ADDRESSES: 'true' },
      { HOST: '0.0.0.0', ALLOW_PRIVATE_ADDRESSES: 'true' },
      { ...database, ALLOW_PRIVATE_ADDRESSES: 'true' },
      { ...database, EGRESS_ALLOW: '10.0.0.1:80' },
    ]
    expect(environments.map((environment) => policyOf(environment).showsInternal)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  it('refuses settings that are wrong or contradict each other', () => {
    const mistakesOf = (environment: Environment) => {
      try {
        parseConfig(environment, features)
        return []
      } catch (error) {
        return error instanceof ConfigMistakes ? error.mistakes : [String(error)]
      }
    }
    expect(mistakesOf({ ALLOW_PRIVATE_ADDRESSES: 'yes', EGRESS_ALLOW: 'ollama' })).toEqual([
      'ALLOW_PRIVATE_ADDRESSES must be true or false, not "yes".',
      expect.stringMatching(/^EGRESS_ALLOW must be hosts with ports, such as .*, not "ollama"\.$/),
    ])
    expect(mistakesOf({ ALLOW_PRIVATE_ADDRESSES: 'false', WEBHOOKS_ALLOW_LOCAL: 'on' })).toEqual([
      'WEBHOOKS_ALLOW_LOCAL must be off when ALLOW_PRIVATE_ADDRESSES is false: remove it.',
    ])
  })

  it('allows a server of the process itself, at its port only', () => {
    const policy = closedPolicy()
    const at = (port: number) => verdictOf(policy, '127.0.0.1', { host: '127.0.0.1', port })
    expect(at(4000)).toBe('refused')
    allowOwnServer(policy, 'http://127.0.0.1:4000/v1')
    expect([at(4000), at(4001)]).toEqual(['internal', 'refused'])
  })
})
