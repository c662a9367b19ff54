/** The quotas whose use the database counts; see `0019_count_for_quotas.sql`. */
export const countedQuotas = [
  'storedBytes',
  'files',
  'schedules',
  'apiKeys',
  'endUsers',
  'agents',
  'applications',
  'webhooks',
  'members',
] as const
export type CountedQuota = (typeof countedQuotas)[number]

export const quotaNames = [
  'runsPerMinute',
  'concurrentRuns',
  'unfinishedRuns',
  'storedBytes',
  'files',
  'streams',
  'schedules',
  'apiKeys',
  'endUsers',
  'agents',
  'applications',
  'webhooks',
  'members',
] as const
export type QuotaName = (typeof quotaNames)[number]

/** A limit by quota; null is unlimited. */
export type Limits = Readonly<Record<QuotaName, number | null>>
/** The limits that differ from the defaults. */
export type Overrides = Readonly<Partial<Limits>>

export interface EffectiveLimit {
  readonly limit: number | null
  readonly source: 'default' | 'override'
}
export type EffectiveLimits = Readonly<Record<QuotaName, EffectiveLimit>>

/** The largest number of a limit: larger ones would not be exact. */
export const limitMax = Number.MAX_SAFE_INTEGER

/** What the quotas limit, as the objects of a sentence. */
const things: Readonly<Record<CountedQuota, string>> = {
  storedBytes: 'bytes of stored files',
  files: 'stored files',
  schedules: 'schedules',
  apiKeys: 'API keys that are not revoked',
  endUsers: 'end-users',
  agents: 'agents',
  applications: 'applications',
  webhooks: 'webhooks',
  members: 'members and pending invitations together',
}

/** The value of each quota. */
export function forEachQuota<T>(valueOf: (name: QuotaName) => T): Readonly<Record<QuotaName, T>> {
  return {
    runsPerMinute: valueOf('runsPerMinute'),
    concurrentRuns: valueOf('concurrentRuns'),
    unfinishedRuns: valueOf('unfinishedRuns'),
    storedBytes: valueOf('storedBytes'),
    files: valueOf('files'),
    streams: valueOf('streams'),
    schedules: valueOf('schedules'),
    apiKeys: valueOf('apiKeys'),
    endUsers: valueOf('endUsers'),
    agents: valueOf('agents'),
    applications: valueOf('applications'),
    webhooks: valueOf('webhooks'),
    members: valueOf('members'),
  }
}

export function withOverrides(defaults: Limits, overrides: Overrides): EffectiveLimits {
  return forEachQuota((name) => {
    const limit = overrides[name]
    return limit === undefined ? { limit: defaults[name], source: 'default' } : { limit, source: 'override' }
  })
}

/** Reads stored overrides. Throws an Error for a value that this program never writes. */
export function parseOverrides(stored: unknown): Overrides {
  if (typeof stored !== 'object' || stored === null) throw new Error('The overrides of quotas are damaged.')
  const overrides: Partial<Record<QuotaName, number | null>> = {}
  for (const [key, value] of Object.entries(stored)) {
    const limit: unknown = value
    const name = quotaNames.find((quota) => quota === key)
    if (name === undefined || (limit !== null && typeof limit !== 'number'))
      throw new Error('The overrides of quotas are damaged.')
    overrides[name] = limit
  }
  return overrides
}

/** Says that an organization has as much as it may have. */
export function sayExceeded(quota: CountedQuota, { limit, used }: { limit: number; used: number }): string {
  return (
    `The organization may have ${limit} ${things[quota]}, and has ${used}: ` +
    'delete what you no longer need, or ask the operator of this server for a higher quota.'
  )
}
