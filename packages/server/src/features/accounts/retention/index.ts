import { feature } from '../../../platform/http/feature.ts'
import { applyRetention } from './apply-retention.job.ts'
import { removePasses } from './retention-store.ts'

export const retentionFeature = feature({
  folder: 'accounts/retention',
  tag: 'Retention',
  description: 'The deletion of what applications no longer keep, once a day.',
  owns: ['retention_passes'],
  removes: { application: { retention_passes: removePasses } },
  endpoints: {},
  jobs: [applyRetention],
})
