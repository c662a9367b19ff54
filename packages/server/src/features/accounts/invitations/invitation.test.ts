import { describe, expect, it } from 'vitest'
import { Problem } from '../../../platform/problems/problem.ts'
import {
  expiryFrom,
  hashToken,
  newToken,
  pendingInvitationsMax,
  refuseGone,
  refuseSettled,
  refuseTooMany,
  statusAt,
} from './invitation.ts'

const now = new Date('2026-03-21T09:30:00.000Z')
const [later, earlier] = [new Date(now.getTime() + 1), new Date(now.getTime() - 1)]

function codeOf(rule: () => void): string {
  try {
    rule()
    return 'allowed'
  } catch (error) {
    return error instanceof Problem ? error.code : 'an error'
  }
}

describe('an invitation', () => {
  it('is valid for seven days', () => {
    expect(expiryFrom(now).toISOString()).toBe('2026-03-28T09:30:00.000Z')
  })

  it('has a unique token of 256 random bits', () => {
    const tokens = Array.from({ length: 100 }, newToken)
    expect(new Set(tokens).size).toBe(100)
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(hashToken(tokens[0] ?? '')).toHaveLength(32)
  })

  it.each([
    { status: 'pending', expiresAt: later, seen: 'pending', accepting: 'allowed', changing: 'allowed' },
    { status: 'pending', expiresAt: now, seen: 'expired', accepting: 'invitation-expired', changing: 'allowed' },
    { status: 'pending', expiresAt: earlier, seen: 'expired', accepting: 'invitation-expired', changing: 'allowed' },
    {
      status: 'accepted',
      expiresAt: earlier,
      seen: 'accepted',
      accepting: 'invitation-accepted',
      changing: 'invitation-not-pending',
    },
    {
      status: 'cancelled',
      expiresAt: later,
      seen: 'cancelled',
      accepting: 'invitation-cancelled',
      changing: 'invitation-not-pending',
    },
  ] as const)(
    'with the stored status $status and the expiry $expiresAt is $seen: accepting $accepting, changing $changing',
    ({ status, expiresAt, seen, accepting, changing }) => {
      expect(statusAt({ status, expiresAt }, now)).toBe(seen)
      expect(codeOf(() => refuseGone({ status, expiresAt }, now))).toBe(accepting)
      expect(codeOf(() => refuseSettled({ status }))).toBe(changing)
    },
  )

  it(`is refused beyond ${pendingInvitationsMax} pending invitations`, () => {
    expect(codeOf(() => refuseTooMany(pendingInvitationsMax - 1))).toBe('allowed')
    expect(codeOf(() => refuseTooMany(pendingInvitationsMax))).toBe('too-many-invitations')
  })
})
