import { job } from '../../../platform/jobs/job.ts'
import { runInRests } from '../../../platform/jobs/run-in-rests.ts'
import { trimSteps } from './trim-steps.ts'

/** Removes audit entries that are older than their organization's retention, once a day. */
export const trimAuditLogs = job({
  name: 'trim-audit-logs',
  everyMs: 300_000,
  wakes: [],
  run: (platform, signal) => runInRests(trimSteps(platform), signal),
})
