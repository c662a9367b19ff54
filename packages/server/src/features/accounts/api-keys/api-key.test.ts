import { describe, expect, it } from 'vitest'
import { createPermissions } from '../../../platform/access/permissions.ts'
import { features } from '../../index.ts'
import {
  findExpiryMistakes,
  findScopeMistakes,
  newSecret,
  prefixOf,
  refuseRotation,
  scopesWithin,
  type ApiKey,
} from './api-key.ts'

const product = createPermissions(features)

describe('a secret', () => {
  it('is ask_ and 48 random hex characters; its first eight characters may be shown', () => {
    const secret = newSecret()
    expect(secret).toMatch(/^ask_[0-9a-f]{48}$/)
    expect(newSecret()).not.toBe(secret)
    expect(prefixOf(secret)).toBe(secret.slice(0, 8))
  })
})

describe('the scopes that a user can grant', () => {
  it('are the grantable scopes that their role includes', () => {
    expect(scopesWithin(product, product.of('owner'))).toEqual(product.grantable)
    expect(scopesWithin(product, product.of('viewer'))).toContain('runs:read')
    expect(scopesWithin(product, product.of('viewer'))).not.toContain('runs:cancel')
    expect(scopesWithin(product, new Set(['api-keys:create', 'org:delete', 'nonsense:read']))).toEqual([])
  })

  it('are checked one by one', () => {
    const mistakes = findScopeMistakes(
      ['runs:read', 'org:delete', 'agents:write', 'x'],
      scopesWithin(product, product.of('member')),
    )
    expect(mistakes.map(({ pointer }) => pointer)).toEqual(['/scopes/1', '/scopes/2', '/scopes/3'])
  })
})

describe('an expiry', () => {
  it('must be later than now', () => {
    const now = new Date('2026-03-21T09:00:00.000Z')
    expect(findExpiryMistakes(null, now)).toEqual([])
    expect(findExpiryMistakes(new Date('2026-03-21T09:00:00.001Z'), now)).toEqual([])
    expect(findExpiryMistakes(now, now)).toMatchObject([{ pointer: '/expiresAt' }])
  })
})

describe('a rotation', () => {
  const now = new Date('2026-03-21T09:00:00.000Z')
  const apiKey: ApiKey = {
    id: '',
    name: 'CI',
    keyPrefix: 'ask_1a2b',
    scopes: ['runs:read', 'runs:cancel', 'gone:read'],
    createdBy: 'usr_1',
    createdByName: 'Somebody',
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
    rotatedAt: null,
    previousExpiresAt: null,
    createdAt: now,
    limits: {},
  }

  it('requires that the caller could grant every scope of the key', () => {
    expect(() => refuseRotation(apiKey, { product, permissions: product.of('admin'), now })).not.toThrow()
    expect(() => refuseRotation(apiKey, { product, permissions: product.of('viewer'), now })).toThrow(
      'scopes that you cannot grant',
    )
  })

  it('requires that the key has not expired', () => {
    expect(() =>
      refuseRotation({ ...apiKey, expiresAt: now }, { product, permissions: product.of('admin'), now }),
    ).toThrow('expired')
    expect(() =>
      refuseRotation(
        { ...apiKey, expiresAt: new Date(now.getTime() + 1) },
        { product, permissions: product.of('admin'), now },
      ),
    ).not.toThrow()
  })
})
