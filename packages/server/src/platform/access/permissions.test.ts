import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { createPermissions, readWriteDelete, rights, roles, type Role } from './permissions.ts'

const { of: permissionsOf, grantable: grantablePermissions, isGrantable } = createPermissions(features)
const everything = features
  .flatMap(({ permissions }) => Object.entries(permissions ?? {}))
  .flatMap(([resource, { owner }]) => owner.map((action) => `${resource}:${action}`))

/** A role's permissions for the resources that these tests name; the other resources are their own nouns' matter. */
function namedPermissions(role: Role): string[] {
  const named = new Set(
    (
      'org members applications api-keys end-users audit-log ' +
      'provider-keys models agents files runs schedules webhooks'
    ).split(' '),
  )
  return [...permissionsOf(role)].filter((permission) => named.has(permission.split(':')[0] ?? ''))
}

describe('the permissions of the product', () => {
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
    expect(namedPermissions('member')).toEqual([
      'org:read',
      'members:read',
      'applications:read',
      'end-users:read',
      'end-users:write',
      'models:read',
      'agents:read',
      'agents:run',
      'files:read',
      'files:write',
      'runs:read',
      'runs:cancel',
      'schedules:read',
      'schedules:write',
      'schedules:delete',
    ])
  })

  it('gives a viewer nothing but reading', () => {
    expect(namedPermissions('viewer')).toEqual([
      'org:read',
      'members:read',
      'applications:read',
      'end-users:read',
      'models:read',
      'agents:read',
      'files:read',
      'runs:read',
      'schedules:read',
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

describe('the rights to a resource', () => {
  it('are those of the owner for an admin, and none for the others, unless it is said', () => {
    expect(rights({ owner: readWriteDelete, grantable: true })).toEqual({
      owner: ['read', 'write', 'delete'],
      admin: ['read', 'write', 'delete'],
      member: [],
      viewer: [],
      grantable: true,
    })
    const declared = { owner: ['read', 'delete'], admin: ['read'], member: ['read'], viewer: [], grantable: false }
    expect(rights(declared)).toEqual(declared)
  })
})
