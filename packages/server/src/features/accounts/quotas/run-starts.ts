import type { OrgScope } from '../../../platform/access/caller.ts'
import { createMinuteCounter } from '../../../platform/http/minute-counter.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { quotas } from './quotas.ts'

/** The answer to a request for starts of runs. */
export interface GrantedStarts {
  /** How many of the wanted runs may start now. */
  readonly granted: number
  /** Per minute; null is unlimited. */
  readonly limit: number | null
  /** When the next minute begins. */
  readonly resetMs: number
}

/** Counts the runs that an organization starts, by keys, users and schedules alike. */
export interface RunStarts {
  take(organizationId: string, wanted: number): Promise<GrantedStarts>
  /** Takes back granted starts that were not used. */
  giveBack(organizationId: string, unused: number): Promise<void>
  /** Starts in the current minute, and how many more there may be; Infinity if unlimited. */
  read(organizationId: string): Promise<{ readonly count: number; readonly left: number; readonly resetMs: number }>
}

export const runStarts: Service<RunStarts> = {
  name: 'run starts',
  open(platform) {
    const counter = createMinuteCounter({ prefix: 'rl:org-runs', redis: platform.redis })
    return {
      async take(organizationId, wanted) {
        const { limit } = (await platform.use(quotas).limitsOf(organizationId)).runsPerMinute
        const { count, resetMs } = await counter.add(organizationId, wanted)
        const excess = Math.min(wanted, Math.max(0, count - (limit ?? Infinity)))
        // Only granted starts count, so that a higher limit has an effect at once.
        if (excess > 0) await counter.subtract(organizationId, excess)
        return { granted: wanted - excess, limit, resetMs }
      },
      giveBack: (organizationId, unused) => (unused > 0 ? counter.subtract(organizationId, unused) : Promise.resolve()),
      async read(organizationId) {
        const { limit } = (await platform.use(quotas).limitsOf(organizationId)).runsPerMinute
        const { count, resetMs } = await counter.read(organizationId)
        return { count, left: Math.max(0, (limit ?? Infinity) - count), resetMs }
      },
    }
  },
}

/** Counts the start of one run. Throws `org-run-rate-limited`. */
export async function countRunStart(
  { use }: Pick<Platform, 'use'>,
  { organizationId }: Pick<OrgScope, 'organizationId'>,
): Promise<void> {
  const { granted, limit, resetMs } = await use(runStarts).take(organizationId, 1)
  if (granted === 1) return
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  throw problem('org-run-rate-limited', {
    detail:
      `The organization may start ${limit} runs in a minute, over all its keys, users and schedules, ` +
      `and has done so: try again in ${seconds} s, or ask the operator of this server for a higher quota.`,
    extensions: { quota: 'runsPerMinute', limit, used: limit, retryAfter: seconds },
    headers: { 'Retry-After': String(seconds) },
  })
}
