/** Roles, the strongest first. */
export const roles = ['owner', 'admin', 'member', 'viewer'] as const
export type Role = (typeof roles)[number]

interface Rights {
  readonly owner: readonly string[]
  readonly admin: readonly string[]
  readonly member: readonly string[]
  readonly viewer: readonly string[]
  /** Whether an API key can hold the resource's permissions. */
  readonly grantable: boolean
}

const readWriteDelete = ['read', 'write', 'delete'] as const

function same(
  actions: readonly string[],
  less: { member: readonly string[]; viewer: readonly string[]; grantable: boolean },
): Rights {
  return { owner: actions, admin: actions, ...less }
}

/** `resource:action` × role × grantable to a key: the one place where rights are decided. */
export const permissionMatrix = {
  org: {
    owner: ['read', 'update', 'delete'],
    admin: ['read', 'update'],
    member: ['read'],
    viewer: ['read'],
    grantable: false,
  },
  members: {
    owner: ['read', 'invite', 'remove', 'change-role'],
    admin: ['read', 'invite', 'remove'],
    member: ['read'],
    viewer: ['read'],
    grantable: false,
  },
  agents: same(['read', 'write', 'configure', 'delete', 'run'], {
    member: ['read', 'run'],
    viewer: ['read'],
    grantable: true,
  }),
  runs: same(['read', 'cancel', 'delete'], { member: ['read', 'cancel'], viewer: ['read'], grantable: true }),
  files: same(readWriteDelete, { member: ['read', 'write'], viewer: ['read'], grantable: true }),
  schedules: same(readWriteDelete, { member: readWriteDelete, viewer: ['read'], grantable: true }),
  'end-users': same(readWriteDelete, { member: ['read', 'write'], viewer: ['read'], grantable: true }),
  webhooks: same(readWriteDelete, { member: [], viewer: [], grantable: true }),
  'audit-log': same(['read'], { member: [], viewer: [], grantable: false }),
  models: same(readWriteDelete, { member: ['read'], viewer: ['read'], grantable: true }),
  'provider-keys': same(readWriteDelete, { member: [], viewer: [], grantable: false }),
  'api-keys': same(['read', 'create', 'revoke'], { member: [], viewer: [], grantable: false }),
  applications: same(readWriteDelete, { member: ['read'], viewer: ['read'], grantable: true }),
} as const satisfies Record<string, Rights>

/** Everything a role may do. */
export function permissionsOf(role: Role): ReadonlySet<string> {
  return permissionsByRole[role]
}

/** Every permission that an API key can hold. */
export const grantablePermissions: readonly string[] = Object.entries(permissionMatrix)
  .filter(([, rights]) => rights.grantable)
  .flatMap(([resource, rights]) => rights.owner.map((action) => `${resource}:${action}`))

const grantable: ReadonlySet<string> = new Set(grantablePermissions)

/** True for a permission that an API key can hold. */
export function isGrantable(permission: string): boolean {
  return grantable.has(permission)
}

const permissionsByRole = {
  owner: collect('owner'),
  admin: collect('admin'),
  member: collect('member'),
  viewer: collect('viewer'),
} as const

function collect(role: Role): ReadonlySet<string> {
  return new Set(
    Object.entries(permissionMatrix).flatMap(([resource, rights]) =>
      rights[role].map((action) => `${resource}:${action}`),
    ),
  )
}
