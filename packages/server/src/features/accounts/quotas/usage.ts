import type { Db } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { defaultLimits } from './defaults.ts'
import { liveUse } from './live-use.ts'
import { findStanding } from './quota-store.ts'
import { countedQuotas, forEachQuota, quotaNames, withOverrides, type EffectiveLimit, type QuotaName } from './quota.ts'
import { runStarts } from './run-starts.ts'

export interface QuotaUse extends EffectiveLimit {
  readonly used: number
}

/**
 * How much an organization uses of each quota. Reads only counts and small parts of indexes, at any size of it.
 */
export async function readUsage(
  platform: Pick<Platform, 'config' | 'hooks' | 'use'>,
  db: Db,
  organizationId: string,
): Promise<Readonly<Record<QuotaName, QuotaUse>>> {
  const [standing, starts, ofSources] = await Promise.all([
    findStanding(db, organizationId, countedQuotas),
    platform.use(runStarts).read(organizationId),
    readSources(platform, db, organizationId),
  ])
  const limits = withOverrides(defaultLimits(platform), standing.overrides)
  const used = new Map<string, number>([...standing.used, ...ofSources, ['runsPerMinute', starts.count]])
  return forEachQuota((name) => ({
    ...limits[name],
    used: Math.max(0, used.get(name) ?? platform.use(liveUse).read(name, organizationId) ?? 0),
  }))
}

async function readSources(
  { hooks }: Pick<Platform, 'hooks'>,
  db: Db,
  organizationId: string,
): Promise<[QuotaName, number][]> {
  const reads = quotaNames.flatMap((name) => {
    const read = hooks.quotas[name]?.used
    return read === undefined ? [] : [read(db, organizationId).then((used): [QuotaName, number] => [name, used])]
  })
  return Promise.all(reads)
}
