import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inApplication({ owner, tenant, marks }) {
    await must(owner(`PATCH /api/applications/${tenant.appId}`, { body: { name: marks.application } }))
    return { ids: [] }
  },
}
