import { feature } from '../../../platform/http/feature.ts'
import { getOrgUsage } from './get-org-usage.ts'
import { removeCounts, removeOverrides } from './quota-store.ts'
import { quota, rateMax, runRate } from './variables.ts'

export { liveUse } from './live-use.ts'
export { concurrentRunsOf } from './quota-store.ts'
export { forEachQuota, limitMax, type Overrides } from './quota.ts'
export { quotas } from './quotas.ts'
export { refuseOverQuota, refuseWithoutRoom } from './refuse-over-quota.ts'
export { countRunStart, runStarts } from './run-starts.ts'
export { OrgUsageWire, toOrgUsageWire } from './usage-wire.ts'
export { readUsage } from './usage.ts'

const problems = {
  'quota-exceeded': { status: 403, title: 'Quota Exceeded' },
  'org-run-rate-limited': { status: 429, title: 'Too Many Runs Started' },
  'org-run-concurrency-exceeded': { status: 429, title: 'Too Many Unfinished Runs' },
} as const
const variables = {
  QUOTA_RUNS_PER_MINUTE: runRate,
  QUOTA_CONCURRENT_RUNS: quota(
    'Runs of one organization that all processes together execute at a time; the others wait.',
    1_000,
  ),
  QUOTA_UNFINISHED_RUNS: quota('Runs of one organization that are pending or running.', 20_000, rateMax),
  QUOTA_STORED_BYTES: quota('Bytes of stored files of one organization.', 107_374_182_400),
  QUOTA_FILES: quota('Stored files of one organization.', 1_000_000),
  QUOTA_SCHEDULES: quota('Schedules of one organization; an application has at most 10,000.', 20_000),
  QUOTA_API_KEYS: quota('API keys of one organization that are not revoked.', 1_000),
  QUOTA_END_USERS: quota('End-users of one organization.', 1_000_000),
  QUOTA_AGENTS: quota('Agents of one organization.', 10_000),
  QUOTA_APPLICATIONS: quota('Applications of one organization.', 1_000),
  QUOTA_WEBHOOKS: quota('Webhooks of one organization; an application has at most 20.', 2_000),
  QUOTA_MEMBERS: quota('Members and pending invitations of one organization.', 1_000),
} as const
const wakes = { quotas: "An organization's limits changed." } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const quotasFeature = feature({
  folder: 'accounts/quotas',
  tag: 'Quotas',
  description: 'What one organization may use of a server that it shares with others.',
  problems,
  wakes,
  variables,
  owns: ['quota_counts', 'quota_overrides'],
  removes: { organization: { quota_counts: removeCounts, quota_overrides: removeOverrides } },
  endpoints: { getOrgUsage },
})
