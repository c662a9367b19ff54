import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { applicationsOf, isApplicationKept } from './application-store.ts'
import { createApplication } from './create-application.ts'
import { deleteApplication } from './delete-application.ts'
import { getApplication } from './get-application.ts'
import { getApplicationDeletion } from './get-application-deletion.ts'
import { listApplications } from './list-applications.ts'
import { updateApplication } from './update-application.ts'

export { Retention } from './application.ts'
export {
  applicationOwners,
  applicationsWithRetention,
  deleteApplicationRow,
  everyApplicationOf,
  findDeletedApplications,
  findLiveApplications,
  findOrganizationOf,
  insertApplication,
  applicationsOf,
  isLiveApplication,
  lockApplications,
  lockDeletedApplication,
  markDeleted,
  serializeInApplication,
} from './application-store.ts'
export { countMaxField } from './application-wire.ts'
export { findDeletionBlock, previewDeletion } from './deletion-store.ts'

const problems = {
  'default-application': { status: 409, title: 'Default Application' },
  'application-in-use': { status: 409, title: 'Application In Use' },
} as const
const wakes = { deletions: 'An application or organization was deleted: its contents are to be removed.' } as const
const permissions = {
  applications: rights({ owner: readWriteDelete, member: ['read'], viewer: ['read'], grantable: true }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

export const applicationsFeature = feature({
  folder: 'accounts/applications',
  tag: 'Applications',
  description: 'Agents, runs, end-users and API keys belong to an application.',
  problems,
  permissions,
  wakes,
  owns: ['applications'],
  contents: { organization: { applications: { rows: applicationsOf } } },
  isKept: { app: isApplicationKept },
  endpoints: {
    createApplication,
    listApplications,
    getApplication,
    updateApplication,
    getApplicationDeletion,
    deleteApplication,
  },
})
