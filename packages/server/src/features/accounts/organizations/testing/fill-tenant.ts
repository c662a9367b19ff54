import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ owner, tenant, marks }) {
    await must(owner(`PATCH /api/orgs/${tenant.orgId}`, { body: { name: marks.organization } }))
    return { ids: [] }
  },
}
