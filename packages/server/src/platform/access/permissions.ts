/** Roles, the strongest first. */
export const roles = ['owner', 'admin', 'member', 'viewer'] as const
export type Role = (typeof roles)[number]

/** The actions of each role on a resource: the second part of `resource:action`. */
export interface Rights extends Readonly<Record<Role, readonly string[]>> {
  /** Whether an API key can hold the resource's permissions. */
  readonly grantable: boolean
}

/** The rights that a feature declares, by resource. */
export type PermissionRows = Readonly<Record<string, Rights>>

/** The permission matrix of the product. */
export interface Permissions {
  /** The permissions of a role. */
  of(role: Role): ReadonlySet<string>
  /** Every permission that an API key can hold. */
  readonly grantable: readonly string[]
  /** True for a permission that an API key can hold. */
  isGrantable(permission: string): boolean
}

export const readWriteDelete = ['read', 'write', 'delete'] as const

/** The rights to a resource. By default an admin has the owner's rights, and the other roles have none. */
export function rights(declared: Pick<Rights, 'owner' | 'grantable'> & Partial<Rights>): Rights {
  return { admin: declared.owner, member: [], viewer: [], ...declared }
}

/** The permissions that the features declare, in their order. */
export function createPermissions(features: readonly { readonly permissions?: PermissionRows }[]): Permissions {
  const rows = features.flatMap(({ permissions }) => Object.entries(permissions ?? {}))
  const collect = (role: Role, isIncluded = (_rights: Rights) => true) =>
    rows
      .filter(([, row]) => isIncluded(row))
      .flatMap(([resource, row]) => row[role].map((action) => `${resource}:${action}`))
  const byRole = new Map(roles.map((role) => [role, new Set(collect(role))]))
  const grantable = collect('owner', (row) => row.grantable)
  const grantables = new Set(grantable)
  return {
    of: (role) => byRole.get(role) ?? new Set(),
    grantable,
    isGrantable: (permission) => grantables.has(permission),
  }
}
