import type { Platform } from '../../../platform/platform.ts'
import type { Limits } from './quota.ts'

/** An organization may start as many runs as three callers by default. */
const callersPerOrganization = 3

/** The operator's limits. */
export function defaultLimits({ config, hooks }: Pick<Platform, 'config' | 'hooks'>): Limits {
  return {
    runsPerMinute: runsPerMinute(config),
    concurrentRuns: config.QUOTA_CONCURRENT_RUNS,
    unfinishedRuns: config.QUOTA_UNFINISHED_RUNS,
    storedBytes: config.QUOTA_STORED_BYTES,
    files: config.QUOTA_FILES,
    streams: hooks.quotas['streams']?.limit?.(config) ?? null,
    schedules: config.QUOTA_SCHEDULES,
    apiKeys: config.QUOTA_API_KEYS,
    endUsers: config.QUOTA_END_USERS,
    agents: config.QUOTA_AGENTS,
    applications: config.QUOTA_APPLICATIONS,
    webhooks: config.QUOTA_WEBHOOKS,
    members: config.QUOTA_MEMBERS,
  }
}

function runsPerMinute({ QUOTA_RUNS_PER_MINUTE, RATE_LIMIT_RUNS }: Platform['config']): number | null {
  return QUOTA_RUNS_PER_MINUTE === 'from-rate-limit' ? RATE_LIMIT_RUNS * callersPerOrganization : QUOTA_RUNS_PER_MINUTE
}
