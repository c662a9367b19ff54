import type { AuditSubject } from '../../../platform/audit/audit.ts'
import type { Tx } from '../../../platform/db/database.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { defaultLimits } from './defaults.ts'
import { findOverrides, replaceOverrides } from './quota-store.ts'
import { forEachQuota, withOverrides, type EffectiveLimits, type Overrides } from './quota.ts'

/** How long a node may use limits that another node has changed, when the wake-up is lost. */
const cacheTtlMs = 5_000
const cachedMax = 10_000

/** Runs work in a transaction that also writes the audit entry, as `Call.change` does. */
type Change = <T>(work: (tx: Tx) => Promise<T>, describe: (result: T) => AuditSubject) => Promise<T>

export interface Quotas {
  /** The limits that apply to the organization; at most a few seconds old. */
  limitsOf(organizationId: string): Promise<EffectiveLimits>
  /** The organization's overrides, as they are now. */
  read(organizationId: string): Promise<Overrides>
  /** Replaces all overrides, with an audit entry in the organization. Applies on every node within seconds. */
  override(organizationId: string, overrides: Overrides, change: Change): Promise<EffectiveLimits>
}

interface Cached {
  readonly limits: EffectiveLimits
  readonly validUntilMs: number
}

/** The limits of organizations: the operator's defaults and the overrides. */
export const quotas: Service<Quotas> = {
  name: 'quotas',
  open(platform) {
    let cache = new Map<string, Cached>()
    platform.wake.subscribe('quotas', () => {
      // A new map: a read that began before the change stores its result in the old one.
      cache = new Map()
    })
    return {
      limitsOf: (organizationId) => limitsOf(platform, cache, organizationId),
      read: (organizationId) => findOverrides(platform.db, organizationId),
      async override(organizationId, overrides, change) {
        await change(
          (tx) => replaceOverrides(tx, organizationId, overrides),
          (before) => ({
            resourceId: toWireId('org', organizationId),
            scope: { organizationId },
            changes: changesOf(before, overrides),
          }),
        )
        cache = new Map()
        platform.wake.wake('quotas', toWireId('org', organizationId))
        return withOverrides(defaultLimits(platform), overrides)
      },
    }
  },
}

async function limitsOf(
  platform: Pick<Platform, 'clock' | 'db' | 'config' | 'hooks'>,
  cache: Map<string, Cached>,
  organizationId: string,
): Promise<EffectiveLimits> {
  const nowMs = platform.clock.now().getTime()
  const known = cache.get(organizationId)
  if (known !== undefined && known.validUntilMs > nowMs) return known.limits
  const limits = withOverrides(defaultLimits(platform), await findOverrides(platform.db, organizationId))
  cache.delete(organizationId)
  const oldest = cache.size >= cachedMax ? cache.keys().next().value : undefined
  if (oldest !== undefined) cache.delete(oldest)
  cache.set(organizationId, { limits, validUntilMs: nowMs + cacheTtlMs })
  return limits
}

function changesOf(before: Overrides, after: Overrides): Record<string, { before: unknown; after: unknown }> {
  const shown = (overrides: Overrides) =>
    forEachQuota((name) => {
      const limit = overrides[name]
      return limit === undefined ? 'default' : (limit ?? 'unlimited')
    })
  const [old, now] = [shown(before), shown(after)]
  return Object.fromEntries(
    Object.entries(forEachQuota((name) => ({ before: old[name], after: now[name] }))).filter(
      ([, change]) => change.before !== change.after,
    ),
  )
}
