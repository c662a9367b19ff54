import { feature } from '../../../platform/http/feature.ts'
import { createInstanceUser } from './create-instance-user.ts'
import { getInstanceOrg } from './get-instance-org.ts'
import { getInstanceUser } from './get-instance-user.ts'
import { grantAdministrator } from './grant-administrator.ts'
import { listInstanceOrgs } from './list-instance-orgs.ts'
import { listInstanceUsers } from './list-instance-users.ts'
import { resumeOrg } from './resume-org.ts'
import { resumeUser } from './resume-user.ts'
import { revokeAdministrator } from './revoke-administrator.ts'
import { revokeUserSessions } from './revoke-user-sessions.ts'
import { suspendOrg } from './suspend-org.ts'
import { suspendUser } from './suspend-user.ts'

const problems = {
  'user-not-found': { status: 404, title: 'User Not Found' },
  'user-exists': { status: 409, title: 'User Exists' },
  'administrator-not-suspendable': { status: 409, title: 'Administrator Not Suspendable' },
  'last-administrator': { status: 409, title: 'Last Administrator' },
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
}

export const administrationFeature = feature({
  folder: 'instance/administration',
  tag: 'Administration',
  description:
    'What administrators of the instance do with its organizations and users. They see names, counts and states, and ' +
    'nothing of what organizations contain.',
  problems,
  endpoints: {
    listInstanceOrgs,
    getInstanceOrg,
    suspendOrg,
    resumeOrg,
    listInstanceUsers,
    getInstanceUser,
    createInstanceUser,
    suspendUser,
    resumeUser,
    revokeUserSessions,
    grantAdministrator,
    revokeAdministrator,
  },
})
