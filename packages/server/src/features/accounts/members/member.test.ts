import { describe, expect, it } from 'vitest'
import { Problem } from '../../../platform/problems/problem.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import { refuseLeaving, refuseRemoval, refuseRoleChange } from './member.ts'

const person = (userId: string, role: Role) => ({ userId, role })
const owner = person('usr_owner', 'owner')

function codeOf(rule: () => void): string {
  try {
    rule()
    return 'allowed'
  } catch (error) {
    return error instanceof Problem ? error.code : 'an error'
  }
}

describe('changing a role', () => {
  it.each([
    ['admin', 'viewer', 'allowed'],
    ['viewer', 'admin', 'allowed'],
    ['member', 'member', 'allowed'],
    ['member', 'owner', 'owner-role-fixed'],
  ] as const)('of a %s to %s: %s', (from, role, outcome) => {
    expect(codeOf(() => refuseRoleChange({ actor: owner, target: person('usr_b', from), role }))).toBe(outcome)
  })

  it("is refused for the owner's role and for the user's own role", () => {
    expect(codeOf(() => refuseRoleChange({ actor: owner, target: owner, role: 'admin' }))).toBe('own-role-fixed')
    expect(codeOf(() => refuseRoleChange({ actor: person('usr_b', 'admin'), target: owner, role: 'viewer' }))).toBe(
      'owner-role-fixed',
    )
  })
})

describe('removing', () => {
  it.each([
    ['owner', 'admin', 'allowed'],
    ['owner', 'viewer', 'allowed'],
    ['admin', 'member', 'allowed'],
    ['admin', 'viewer', 'allowed'],
    ['admin', 'admin', 'admin-not-removable'],
    ['admin', 'owner', 'owner-not-removable'],
  ] as const)('by an %s, a %s: %s', (actor, target, outcome) => {
    expect(codeOf(() => refuseRemoval({ actor: person('usr_a', actor), target: person('usr_b', target) }))).toBe(
      outcome,
    )
  })

  it('lets an admin remove themselves, but not the owner', () => {
    const admin = person('usr_a', 'admin')
    expect(codeOf(() => refuseRemoval({ actor: admin, target: admin }))).toBe('allowed')
    expect(codeOf(() => refuseRemoval({ actor: owner, target: owner }))).toBe('owner-not-removable')
  })
})

it.each([
  ['owner', 'owner-must-stay'],
  ['admin', 'allowed'],
  ['member', 'allowed'],
  ['viewer', 'allowed'],
] as const)('leaving as %s: %s', (role, outcome) => {
  expect(codeOf(() => refuseLeaving(person('usr_a', role)))).toBe(outcome)
})
