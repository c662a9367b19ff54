import { describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { readerOf, uuidBefore } from './notification.ts'

const user = { kind: 'user', userId: 'usr_1', email: 'ada@example.com' } as const
const key = {
  kind: 'api-key',
  keyId: 'k',
  secretHash: '',
  expiresAt: null,
  userId: 'usr_1',
  organizationId: 'o',
  applicationId: 'a',
  permissions: new Set<string>(),
  apiVersion: null,
  suspensionReason: null,
} as const
const scope = { organizationId: 'o', applicationId: 'a', endUserId: null }

describe('a reader', () => {
  it('is the user, the key itself, or the end-user on whose behalf the key acts', () => {
    expect(readerOf(scope, user)).toEqual({ kind: 'user', id: 'usr_1' })
    expect(readerOf(scope, key)).toEqual({ kind: 'api-key', id: 'k' })
    expect(readerOf({ ...scope, endUserId: 'e' }, key)).toEqual({ kind: 'end-user', id: 'e' })
  })
})

describe('the smallest id of an earlier time', () => {
  it('is below every id created since, and above those created before', () => {
    const now = newUuid()
    const floor = uuidBefore(now, 1000)
    expect(floor < now).toBe(true)
    expect(uuidBefore(now, 0) <= now).toBe(true)
    expect(uuidBefore(now, 2000) < floor).toBe(true)
    expect(uuidBefore('0192f0c1-2345-7abc-8def-0123456789ab', 5)).toBe('0192f0c1-2340-7000-8000-000000000000')
  })

  it('is never below zero', () => {
    expect(uuidBefore('00000000-0001-7000-8000-000000000000', 10)).toBe('00000000-0000-7000-8000-000000000000')
  })
})
