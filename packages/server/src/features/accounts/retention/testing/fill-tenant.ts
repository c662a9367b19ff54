import type { TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async insertRows(db, { organizationId, applicationId }) {
    await db
      .insertInto('retention_passes')
      .values({ application_id: applicationId, organization_id: organizationId })
      .execute()
  },
}
