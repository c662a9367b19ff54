import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { defaultLimits } from './defaults.ts'
import { findStanding } from './quota-store.ts'
import { countedQuotas, sayExceeded, withOverrides, type CountedQuota } from './quota.ts'

/** How much a request adds to counted quotas of an organization. */
export interface Addition {
  readonly scope: OrgScope
  readonly added: Readonly<Partial<Record<CountedQuota, number>>>
}

type Deciding = Pick<Platform, 'config' | 'hooks'>

/**
 * Refuses rows that this transaction has added, when they are more than the organization may have: exact also when
 * others add rows at the same time, because the addition has locked the count. Throws `quota-exceeded`.
 */
export async function refuseOverQuota(tx: Tx, platform: Deciding, addition: Addition): Promise<void> {
  return refuse(tx, platform, { ...addition, isCounted: true })
}

/**
 * Refuses what does not fit, before the request does expensive work. Others may add rows meanwhile: call
 * `refuseOverQuota` in the transaction too. Throws `quota-exceeded`.
 */
export async function refuseWithoutRoom(db: Db, platform: Deciding, addition: Addition): Promise<void> {
  return refuse(db, platform, { ...addition, isCounted: false })
}

async function refuse(
  db: Db,
  platform: Deciding,
  { scope, added, isCounted }: Addition & { readonly isCounted: boolean },
): Promise<void> {
  const quotas = countedQuotas.filter((quota) => added[quota] !== undefined)
  const { used, overrides } = await findStanding(db, scope.organizationId, quotas)
  const limits = withOverrides(defaultLimits(platform), overrides)
  for (const quota of quotas) {
    const count = added[quota] ?? 0
    const before = (used.get(quota) ?? 0) - (isCounted ? count : 0)
    const { limit } = limits[quota]
    if (limit === null || before + count <= limit) continue
    throw problem('quota-exceeded', {
      detail: sayExceeded(quota, { limit, used: before }),
      extensions: { quota, limit, used: before },
    })
  }
}
