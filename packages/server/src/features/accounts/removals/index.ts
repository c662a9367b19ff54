import { feature } from '../../../platform/http/feature.ts'
import { removeOutboxEvents } from '../../../platform/outbox/postgres-outbox.ts'
import { removeDeleted } from './remove-deleted.job.ts'

export const removalsFeature = feature({
  folder: 'accounts/removals',
  tag: 'Removals',
  description: 'The removal of what deleted applications and organizations contain, in batches.',
  // The outbox belongs to the platform, which declares no features.
  removes: { application: { outbox: removeOutboxEvents } },
  endpoints: {},
  jobs: [removeDeleted],
})
