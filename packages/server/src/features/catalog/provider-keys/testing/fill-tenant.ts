import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ owner, marks }) {
    const body = { label: marks.organization, api: 'openai', apiKey: `sk-${marks.organization}` }
    return { ids: [(await must(owner('POST /api/provider-keys', { body }))).id] }
  },
}
