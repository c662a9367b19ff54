import { Type, type Static } from 'typebox'
import { OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { roles } from '../../../platform/access/permissions.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { SuspensionField, toSuspensionField } from '../../accounts/suspensions/index.ts'
import type { InstanceOrg } from './instance-org-store.ts'
import type { InstanceMembership, InstanceUser } from './instance-user-store.ts'

export const InstanceOrgWire = wire('InstanceOrg', {
  id: WireId('org'),
  name: Type.String(),
  slug: Type.String(),
  members: Type.Integer({ description: 'The number of its members.' }),
  applications: Type.Integer({ description: 'The number of its applications.' }),
  suspension: SuspensionField,
  createdAt: WireTime,
})

const userFields = {
  id: WireId('usr'),
  displayName: Type.String(),
  email: Type.String(),
  emailVerified: Type.Boolean(),
  administrator: Type.Boolean({ description: 'Whether the user administers the instance.' }),
  organizations: Type.Integer({ description: 'The number of organizations of which the user is a member.' }),
  suspension: SuspensionField,
  createdAt: WireTime,
}

export const InstanceUserWire = wire('InstanceUser', userFields)

export const InstanceUserDetailsWire = wire('InstanceUserDetails', {
  ...userFields,
  memberships: Type.Array(Type.Object({ orgId: WireId('org'), name: Type.String(), role: OneOf(roles) }), {
    description: 'The first 100 organizations of the user, by name.',
  }),
})

/** The body of a suspension. */
export const SuspensionBody = Type.Object({
  reason: Type.String({
    minLength: 1,
    maxLength: 500,
    pattern: '\\S',
    examples: ['Unpaid since March.'],
    description: 'Shown to those who are refused.',
  }),
})

export const suspendedFilter = Type.Optional(
  Type.Boolean({ description: 'Only those who are suspended, or only those who are not.' }),
)

/** The parameters of paths to one thing. */
export const orgParams = { orgId: { id: 'org', missing: 'org-not-found' } } as const
export const userParams = { userId: { id: 'usr', missing: 'user-not-found' } } as const

export function toInstanceOrgWire(org: InstanceOrg): Static<typeof InstanceOrgWire> {
  return {
    ...org,
    id: toWireId('org', org.id),
    suspension: toSuspensionField(org.suspension),
    createdAt: toWireTime(org.createdAt),
  }
}

export function toInstanceUserWire({ isAdministrator, ...user }: InstanceUser): Static<typeof InstanceUserWire> {
  return {
    ...user,
    administrator: isAdministrator,
    suspension: toSuspensionField(user.suspension),
    createdAt: toWireTime(user.createdAt),
  }
}

export function toUserDetailsWire(
  user: InstanceUser,
  memberships: readonly InstanceMembership[],
): Static<typeof InstanceUserDetailsWire> {
  return {
    ...toInstanceUserWire(user),
    memberships: memberships.map(({ id, name, role }) => ({ orgId: toWireId('org', id), name, role })),
  }
}
