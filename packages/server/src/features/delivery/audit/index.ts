import { rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { removeChains } from './chain-store.ts'
import { removeEntries } from './audit-store.ts'
import { chainEntries } from './chain-entries.job.ts'
import { exportAuditLog } from './export-audit-log.ts'
import { listAuditLog } from './list-audit-log.ts'
import { trimAuditLogs } from './trim-audit-logs.job.ts'
import { verifyAuditLog } from './verify-audit-log.ts'

const idPrefixes = { aud: 'An entry of the audit log.' } as const
const permissions = { 'audit-log': rights({ owner: ['read'], grantable: false }) }

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const auditFeature = feature({
  folder: 'delivery/audit',
  tag: 'Audit Log',
  description:
    'Records who did what, to what, from where and in which request. ' +
    'The entries form a hash chain, so that no entry can be changed unnoticed.',
  idPrefixes,
  permissions,
  removes: { organization: { audit_log: removeEntries, audit_chains: removeChains } },
  owns: ['audit_chains'],
  endpoints: { listAuditLog, verifyAuditLog, exportAuditLog },
  jobs: [chainEntries, trimAuditLogs],
})
