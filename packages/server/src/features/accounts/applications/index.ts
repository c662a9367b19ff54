import { feature } from '../../../platform/http/feature.ts'
import { createApplication } from './create-application.ts'
import { deleteApplication } from './delete-application.ts'
import { getApplication } from './get-application.ts'
import { getApplicationDeletion } from './get-application-deletion.ts'
import { listApplications } from './list-applications.ts'
import './problems.ts'
import { updateApplication } from './update-application.ts'

export { insertApplication } from './application-store.ts'
export { activeRunsField, contentFields, countMaxField, toContentWire } from './application-wire.ts'
export { countContent, countedMax } from './content-store.ts'

export const applicationsFeature = feature({
  folder: 'accounts/applications',
  tag: 'Applications',
  description: 'Agents, runs, end-users and API keys belong to an application.',
  endpoints: {
    createApplication,
    listApplications,
    getApplication,
    updateApplication,
    getApplicationDeletion,
    deleteApplication,
  },
})
