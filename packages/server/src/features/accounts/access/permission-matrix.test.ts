import { describe, expect, it } from 'vitest'
import { grantablePermissions, isGrantable, permissionMatrix, permissionsOf, roles } from './permission-matrix.ts'

const everything = Object.entries(permissionMatrix).flatMap(([resource, rights]) =>
  rights.owner.map((action) => `${resource}:${action}`),
)

describe('the permission matrix', () => {
  it('gives the owner everything', () => {
    expect([...permissionsOf('owner')]).toEqual(everything)
  })

  it('gives the admin everything but deleting the organization and changing roles', () => {
    expect(everything.filter((permission) => !permissionsOf('admin').has(permission))).toEqual([
      'org:delete',
      'members:change-role',
    ])
  })

  it('gives a member what they need to use agents', () => {
    expect([...permissionsOf('member')]).toEqual([
      'org:read',
      'members:read',
      'agents:read',
      'agents:run',
      'runs:read',
      'runs:cancel',
      'files:read',
      'files:write',
      'schedules:read',
      'schedules:write',
      'schedules:delete',
      'end-users:read',
      'end-users:write',
      'models:read',
      'applications:read',
    ])
  })

  it('gives a viewer nothing but reading', () => {
    expect([...permissionsOf('viewer')]).toEqual([
      'org:read',
      'members:read',
      'agents:read',
      'runs:read',
      'files:read',
      'schedules:read',
      'end-users:read',
      'models:read',
      'applications:read',
    ])
  })

  it('gives no role more than the one above it', () => {
    roles.slice(1).forEach((role, index) => {
      const stronger = permissionsOf(roles[index] ?? 'owner')
      expect(
        [...permissionsOf(role)].filter((permission) => !stronger.has(permission)),
        role,
      ).toEqual([])
    })
  })

  it('lets API keys hold nothing that governs people, keys or the organization', () => {
    const held = everything.filter((permission) => !grantablePermissions.includes(permission))
    expect(held).toEqual(
      everything.filter((permission) => /^(org|members|audit-log|provider-keys|api-keys):/.test(permission)),
    )
    expect(everything.filter(isGrantable)).toEqual(grantablePermissions)
    expect(isGrantable('nonsense:read')).toBe(false)
  })
})
