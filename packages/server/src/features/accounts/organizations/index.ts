import { rights } from '../../../platform/access/permissions.ts'
import type { Config } from '../../../platform/config/config.ts'
import { limit, oneOf } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { createOrg } from './create-org.ts'
import { deleteOrg } from './delete-org.ts'
import { getOrg } from './get-org.ts'
import { getOrgDeletion } from './get-org-deletion.ts'
import { getOrgSettings } from './get-org-settings.ts'
import { listOrgs } from './list-orgs.ts'
import { membersOf, removeMembers } from './member-store.ts'
import { namesOfOrganizationsOf, isOrganizationKept } from './organization-store.ts'
import { updateOrg } from './update-org.ts'
import { updateOrgSettings } from './update-org-settings.ts'

export { createOrganization } from './create-organization.ts'
export { lockActor } from './lock-actor.ts'
export { refuseOneMoreOwned } from './owner-limit.ts'
export {
  deleteMember,
  findMember,
  findMemberProfiles,
  findMembership,
  findRoles,
  hasMemberWithEmail,
  insertMember,
  loadMembers,
  lockMembers,
  memberships,
  membersOf,
  saveRole,
  type Member,
} from './member-store.ts'
export {
  deleteOrganizationRow,
  findDeletedOrganizations,
  findSlug,
  hasOrganizations,
  holdApplications,
  holdOrganizations,
  liveOrganizations,
  lockDeletedOrganization,
  organizationNames,
  organizationsWithRetention,
  serializeInOrganization,
} from './organization-store.ts'

const problems = {
  'slug-taken': { status: 409, title: 'Slug Taken' },
  'org-in-use': { status: 409, title: 'Organization In Use' },
} as const
const permissions = {
  org: rights({
    owner: ['read', 'update', 'delete'],
    admin: ['read', 'update'],
    member: ['read'],
    viewer: ['read'],
    grantable: false,
  }),
}

const variables = {
  ORG_CREATION: oneOf(['anyone', 'admins'], {
    meaning: 'Who can create organizations: every user, or only administrators of the instance.',
    fallback: 'anyone',
  }),
  ORGANIZATIONS_PER_USER: limit({
    meaning:
      'Organizations that a user may own when they create another one, or when one is transferred to ' +
      'them. Administrators of the instance are not limited. Resources are shared between organizations, so a user ' +
      'with many gets more of them.',
    fallback: 10,
    max: 1_000_000,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

/** Who can create organizations on this instance. */
export function organizationCreation({ ORG_CREATION }: Pick<Config, 'ORG_CREATION'>): 'anyone' | 'admins' {
  return ORG_CREATION
}

export const organizationsFeature = feature({
  folder: 'accounts/organizations',
  tag: 'Organizations',
  description:
    'Organizations are the tenants: users are members of organizations, and every other resource belongs to one.',
  problems,
  permissions,
  variables,
  // One owner for both: a membership is a part of its organization, and the organization's row is the lock of both.
  owns: ['organizations', 'organization_members', 'retired_slugs'],
  removes: { organization: { organization_members: removeMembers } },
  contents: { organization: { members: { rows: membersOf } } },
  textsAboutUser: namesOfOrganizationsOf,
  isKept: { org: isOrganizationKept },
  endpoints: { createOrg, listOrgs, getOrg, updateOrg, getOrgDeletion, deleteOrg, getOrgSettings, updateOrgSettings },
})
