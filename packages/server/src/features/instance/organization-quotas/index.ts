import { feature } from '../../../platform/http/feature.ts'
import { getInstanceOrgQuotas } from './get-instance-org-quotas.ts'
import { setInstanceOrgQuotas } from './set-instance-org-quotas.ts'

export const organizationQuotasFeature = feature({
  folder: 'instance/organization-quotas',
  tag: 'Instance Quotas',
  description: 'Limits that an instance administrator sets for single organizations.',
  endpoints: { getInstanceOrgQuotas, setInstanceOrgQuotas },
})
