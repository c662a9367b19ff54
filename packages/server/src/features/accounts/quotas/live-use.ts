import type { Service } from '../../../platform/platform.ts'
import type { QuotaName } from './quota.ts'

/** How much organizations use of quotas that exist only in the memory of a process, such as open streams. */
export interface LiveUse {
  report(quota: QuotaName, usedBy: (organizationId: string) => number): void
  /** 0 while nothing reports the quota; undefined for a quota that no part of the product keeps in memory. */
  read(quota: QuotaName, organizationId: string): number | undefined
}

export const liveUse: Service<LiveUse> = {
  name: 'live use of quotas',
  open() {
    const reports = new Map<QuotaName, (organizationId: string) => number>()
    return {
      report: (quota, usedBy) => void reports.set(quota, usedBy),
      read: (quota, organizationId) => reports.get(quota)?.(organizationId),
    }
  },
}
