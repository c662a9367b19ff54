import { feature } from '../../../platform/http/feature.ts'
import { leaveOrg } from './leave-org.ts'
import { listMembers } from './list-members.ts'
import './problems.ts'
import { removeMember } from './remove-member.ts'
import { transferOwnership } from './transfer-ownership.ts'
import { updateMember } from './update-member.ts'

export { findMember, getMember, hasMemberWithEmail, holdMembers, insertMember, lockActor } from './member-store.ts'

export const membersFeature = feature({
  folder: 'accounts/members',
  tag: 'Members',
  description: 'The people of an organization, and what they may do in it.',
  endpoints: { listMembers, updateMember, removeMember, leaveOrg, transferOwnership },
})
