import type { Tx } from '../../../platform/db/database.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { defaultLimits } from './defaults.ts'
import { findOverrides, replaceOverrides } from './quota-store.ts'
import { withOverrides, type EffectiveLimits, type Overrides } from './quota.ts'

/** How long a node may use limits that another node has changed, when the wake-up is lost. */
const cacheTtlMs = 5_000
const cachedMax = 10_000

export interface Quotas {
  /** The limits that apply to the organization; at most a few seconds old. */
  limitsOf(organizationId: string): Promise<EffectiveLimits>
  /** Replaces all overrides, and returns those before. Once the transaction is committed, call `applyChanges`. */
  override(tx: Tx, organizationId: string, overrides: Overrides): Promise<Overrides>
  /** Lets this node at once, and the others within seconds, use the overrides as they are now. */
  applyChanges(organizationId: string): void
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
      override: replaceOverrides,
      applyChanges(organizationId) {
        cache = new Map()
        platform.wake.wake('quotas', toWireId('org', organizationId))
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
