import { rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { leaveOrg } from './leave-org.ts'
import { listMembers } from './list-members.ts'
import { removeMember } from './remove-member.ts'
import { transferOwnership } from './transfer-ownership.ts'
import { updateMember } from './update-member.ts'

const problems = {
  'owner-role-fixed': { status: 403, title: 'Owner Role Fixed' },
  'own-role-fixed': { status: 403, title: 'Own Role Fixed' },
  'owner-not-removable': { status: 403, title: 'Owner Not Removable' },
  'admin-not-removable': { status: 403, title: 'Admin Not Removable' },
  'member-not-found': { status: 404, title: 'Member Not Found' },
  'owner-must-stay': { status: 409, title: 'Owner Must Stay' },
} as const
const permissions = {
  members: rights({
    owner: ['read', 'invite', 'remove', 'change-role'],
    admin: ['read', 'invite', 'remove'],
    member: ['read'],
    viewer: ['read'],
    grantable: false,
  }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
}

export const membersFeature = feature({
  folder: 'accounts/members',
  tag: 'Members',
  description: 'The people of an organization, and what they may do in it.',
  problems,
  permissions,
  endpoints: { listMembers, updateMember, removeMember, leaveOrg, transferOwnership },
})
