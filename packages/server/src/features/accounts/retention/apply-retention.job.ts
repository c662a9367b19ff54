import { job } from '../../../platform/jobs/job.ts'
import { runInRests } from '../../../platform/jobs/run-in-rests.ts'
import { retentionSteps } from './retention-steps.ts'

/** Deletes what is older than its application's retention, once a day. */
export const applyRetention = job({
  name: 'apply-retention',
  everyMs: 300_000,
  wakes: [],
  run: (platform, signal) => runInRests(retentionSteps(platform), signal),
})
